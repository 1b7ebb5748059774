// Clients in Node: requests a URL, and prints JSON for the response.
//
//     node http_client.js axios-ntlm|httpntlm URL DOMAIN USER PASSWORD [DATA]

// The certificates of the tests are signed by nobody.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');

const { createRequire } = require('module');
const installed = createRequire(process.env.NTLM_INTEROP + '/node/');

const [client, url, domain, username, password, data] = process.argv.slice(2);
const credentials = { domain, username, password, workstation: 'NODE' };

async function withAxios() {
  const { NtlmClient } = installed('axios-ntlm');
  const axios = NtlmClient(credentials, { validateStatus: (status) => status !== 401 });
  const response = await (data ? axios.post(url, data) : axios.get(url));
  return { status: response.status, user: response.headers['x-user'], body: response.data };
}

function withHttpntlm() {
  const httpntlm = installed('httpntlm');
  const options = { url, ...credentials, body: data };
  return new Promise((resolve, reject) =>
    httpntlm[data ? 'post' : 'get'](options, (error, response) => {
      if (error) return reject(error);
      resolve({
        status: response.statusCode,
        user: response.headers['x-user'],
        body: response.body,
      });
    }),
  );
}

const clients = { 'axios-ntlm': withAxios, httpntlm: withHttpntlm };
setTimeout(() => { console.error('timed out'); process.exit(1); }, 20000).unref();
clients[client]().then(
  (result) => { console.log(JSON.stringify(result)); process.exit(0); },
  (error) => {
    const status = error.response && error.response.status;
    console.log(JSON.stringify({ status, error: String(error.message) }));
    process.exit(status ? 0 : 1);
  },
);
