// A server whose NTLM is express-ntlm, without a domain controller: answers with JSON of who the client
// says that it is, and of the length of the body. Prints where it listens.
//
//     node express_ntlm.js

process.removeAllListeners('warning');

const { createRequire } = require('module');
const installed = createRequire(process.env.NTLM_INTEROP + '/node/');
const express = installed('express');
const ntlm = installed('express-ntlm');

const application = express();
application.use(ntlm({ domain: 'EXAMPLE' }));
application.use(express.raw({ type: '*/*', limit: '1mb' }));
application.use((request, response) => {
  const { DomainName: domain, UserName: user } = request.ntlm;
  const length = request.body instanceof Buffer ? request.body.length : 0;
  response.json({ domain, user, length });
});
const server = application.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
server.on('connection', () => console.log('connection'));
