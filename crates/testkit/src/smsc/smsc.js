// An SMSC for tests: takes what is submitted, writes it down, and misbehaves as told.
//
//     node smsc.js PORT JOURNAL
//
// Every submit_sm becomes a line of the journal (JSON) before it is answered. Orders come in by stdin, a line each (JSON), and
// each is answered by a line when it holds:
//
//     {"answer": 0}        takes; another number refuses with that command_status; null says nothing
//     {"receipt": {"message_id": "…", "to": "…", "from": "…", "stat": "DELIVRD"}}
//
// Ends when stdin does.
'use strict';

const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const PASSWORD = '0pen sms';
// How long a receipt may go without an answer, in milliseconds.
const PATIENCE = 60000;
const [port, journal] = process.argv.slice(2);
const started = Date.now().toString(36);
const bound = new Set();
let answer = 0;
let taken = 0;

const server = smpp.createServer((session) => {
    session.on('bind_transceiver', (pdu) => {
        if (pdu.password !== PASSWORD || pdu.interface_version !== 0x34) {
            session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
            session.close();
            return;
        }
        session.send(pdu.response({ system_id: 'smsc' }));
        bound.add(session);
    });
    session.on('submit_sm', (pdu) => submitted(session, pdu));
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => {
        session.send(pdu.response());
        session.close();
    });
    session.on('error', () => session.destroy());
    session.on('close', () => bound.delete(session));
});

function submitted(session, pdu) {
    const messageId = `${started}-${++taken}`;
    const { udh, message } = pdu.short_message;
    fs.appendFileSync(journal, JSON.stringify({
        message_id: messageId,
        from: pdu.source_addr,
        source_ton: pdu.source_addr_ton,
        to: pdu.destination_addr,
        dest_ton: pdu.dest_addr_ton,
        data_coding: pdu.data_coding,
        esm_class: pdu.esm_class,
        registered_delivery: pdu.registered_delivery,
        header: udh ? Buffer.concat(udh).toString('hex') : '',
        text: message,
        answer,
    }) + '\n');
    if (answer === 0) {
        session.send(pdu.response({ message_id: messageId }));
    } else if (answer !== null) {
        session.socket.write(refusal(pdu, answer));
    }
}

// SMPP 3.4 §4.4.2: a refusal has no body.
function refusal(pdu, status) {
    const header = Buffer.alloc(16);
    [16, 0x80000004, status, pdu.sequence_number].forEach((word, place) => header.writeUInt32BE(word, place * 4));
    return header;
}

function sendReceipt({ message_id, to, from, stat }, done) {
    const text = `id:${message_id} sub:001 dlvrd:001 submit date:2611220220 done date:2611220221 stat:${stat} err:000 text:`;
    const receipt = { source_addr: to, destination_addr: from, esm_class: 4, short_message: text };
    const [session] = bound;
    const late = setTimeout(() => say('nobody acknowledged it'), PATIENCE);
    session.deliver_sm(receipt, () => {
        clearTimeout(late);
        done();
    });
}

function say(line) {
    process.stdout.write(`${line}\n`);
}

readline.createInterface({ input: process.stdin })
    .on('line', (line) => {
        const order = JSON.parse(line);
        if (order.receipt) {
            sendReceipt(order.receipt, () => say('understood'));
        } else {
            answer = order.answer;
            say('understood');
        }
    })
    .on('close', () => process.exit(0));

server.listen(Number(port), '127.0.0.1');
