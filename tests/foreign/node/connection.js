// A connection to Cabinet: where its services are, who we are, and what an error says. Made to be copied.
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

// The contract is read as it stands: nothing is generated.
const PROTO = path.join(__dirname, '../../../proto');
const definitions = protoLoader.loadSync(
  [
    'cabinet/case_monitoring/v1/case_service.proto',
    'cabinet/identity/v1/credential_service.proto',
    'cabinet/identity/v1/user_service.proto',
    'cabinet/notification/v1/preference_service.proto',
    'google/rpc/error_details.proto',
    'google/rpc/status.proto',
  ],
  {
    includeDirs: [PROTO, path.join(PROTO, 'third_party')],
    // Fields and enum values by their names in the contract, and always there.
    keepCase: true,
    enums: String,
    defaults: true,
    // An int64 may be more than a number can hold.
    longs: String,
  },
);
const { cabinet } = grpc.loadPackageDefinition(definitions);

// Milliseconds. A call without a deadline waits for as long as Cabinet lets it.
const DEADLINE = Number(process.env.CABINET_DEADLINE ?? 5) * 1000;

class Connection {
  #metadata = new grpc.Metadata();

  constructor() {
    this.credentials = client(cabinet.identity.v1.CredentialService, 'CABINET_IDENTITY');
    this.users = client(cabinet.identity.v1.UserService, 'CABINET_IDENTITY');
    this.cases = client(cabinet.case_monitoring.v1.CaseService, 'CABINET_CASE_MONITORING');
    this.preferences = client(cabinet.notification.v1.PreferenceService, 'CABINET_NOTIFICATION');
  }

  // Exchanges our credential for an access token, which is good for five minutes and shown with every call from now on.
  async signIn() {
    const request = { credential_id: process.env.CABINET_CREDENTIAL_ID, secret: process.env.CABINET_CREDENTIAL_SECRET };
    const { access_token } = await this.call(this.credentials, 'IssueServiceToken', request);
    this.#metadata.set('authorization', `Bearer ${access_token}`);
  }

  call(service, method, request) {
    return call(service, method, request, this.#metadata);
  }
}

function client(Service, setting) {
  return new Service(process.env[setting], grpc.credentials.createInsecure());
}

// One call, with a deadline.
function call(service, method, request, metadata = new grpc.Metadata()) {
  const options = { deadline: Date.now() + DEADLINE };
  return new Promise((resolve, reject) => {
    service[method](request, metadata, options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

// What an error says to a program: `reason` and `domain` are part of the contract, the message is not.
function refusal(error) {
  const info = detail(error, 'google.rpc.ErrorInfo');
  const request = detail(error, 'google.rpc.BadRequest');
  return {
    code: grpc.status[error.code],
    reason: info?.reason ?? '',
    domain: info?.domain ?? '',
    fields: (request?.field_violations ?? []).map(({ field }) => field).sort(),
  };
}

// The detail of this kind; none if the error has none, as when it never reached Cabinet.
function detail(error, kind) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = bytes ? definitions['google.rpc.Status'].deserialize(bytes).details : [];
  const packed = details.find(({ type_url }) => type_url.endsWith(`/${kind}`));
  return packed && definitions[kind].deserialize(packed.value);
}

module.exports = { Connection, call, refusal };
