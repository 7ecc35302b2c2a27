// Cabinet's main job, as a team that works in Node.js would write it; and what Cabinet says to calls that are wrong.
//
//     main_job.js play EMAIL      a new customer, his tick, a case of his, its next status; then calls that are refused
//     main_job.js read CASE_ID    one case
//
// Prints what came of it as JSON. CABINET_COMPANY_ID names the company; what else it wants to know, connection.js says.
'use strict';

const { randomUUID } = require('node:crypto');
const { Connection, call, refusal } = require('./connection');

const company_id = process.env.CABINET_COMPANY_ID;

async function play(cabinet, email) {
  const customer = await createCustomer(cabinet, email);
  const preferences = await tickEmail(cabinet, customer.user_id);
  const { case_id } = await createCase(cabinet, customer.user_id);
  await changeStatus(cabinet, case_id, 'OPEN');
  return {
    user_id: customer.user_id,
    ticked: preferences.status_change.email,
    ...(await read(cabinet, case_id)),
    refusals: await refusals(cabinet, customer, case_id),
  };
}

async function createCustomer(cabinet, email) {
  const request = { company_id, role: 'ROLE_CUSTOMER', email, invitation: 'INVITATION_NONE' };
  const { user } = await cabinet.call(cabinet.users, 'CreateUser', request);
  return user;
}

// Only what the mask names is changed.
async function tickEmail(cabinet, user_id) {
  const request = {
    preferences: { user_id, status_change: { email: true } },
    update_mask: { paths: ['status_change.email'] },
  };
  const { preferences } = await cabinet.call(cabinet.preferences, 'UpdatePreferences', request);
  return preferences;
}

async function createCase(cabinet, requester_id, subject = 'Printer on fire') {
  const request = { company_id, requester_id, kind: 'CASE_KIND_REQUEST', subject };
  const response = await cabinet.call(cabinet.cases, 'CreateCase', request);
  return response.case;
}

async function changeStatus(cabinet, case_id, status) {
  const response = await cabinet.call(cabinet.cases, 'ChangeCaseStatus', { case_id, status });
  return response.case;
}

async function read(cabinet, case_id) {
  const { case: found } = await cabinet.call(cabinet.cases, 'GetCase', { case_id });
  return {
    case_id: found.case_id,
    number: Number(found.number),
    status: found.status.code,
    version: Number(found.version),
  };
}

async function refusals(cabinet, customer, case_id) {
  const unknown = { case_id: randomUUID() };
  return {
    'address taken': await refused(createCustomer(cabinet, customer.email)),
    'no such move': await refused(changeStatus(cabinet, case_id, 'NEW')),
    'no such case': await refused(cabinet.call(cabinet.cases, 'GetCase', unknown)),
    'two wrong fields': await refused(createCase(cabinet, 'not an id', '')),
    'no token': await refused(call(cabinet.cases, 'GetCase', unknown)),
  };
}

function refused(promise) {
  return promise.then(() => null, refusal);
}

async function main() {
  const [command, argument] = process.argv.slice(2);
  const cabinet = new Connection();
  await cabinet.signIn();
  const report = await { play, read }[command](cabinet, argument).catch(refusal);
  console.log(JSON.stringify(report));
}

main();
