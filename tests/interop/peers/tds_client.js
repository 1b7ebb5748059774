// tedious, a driver for SQL Server: runs a query, and prints what came of it.
//
//     node tds_client.js PORT DOMAIN USER PASSWORD QUERY

const { createRequire } = require('module');
const installed = createRequire(process.env.NTLM_INTEROP + '/node/');
const { Connection, Request } = installed('tedious');

const [port, domain, userName, password, query] = process.argv.slice(2);
const connection = new Connection({
  server: '127.0.0.1',
  authentication: { type: 'ntlm', options: { domain, userName, password } },
  options: { port: Number(port), encrypt: false, connectTimeout: 20000, requestTimeout: 20000 },
});

function finish(error) {
  if (error) console.log('rejected: ' + error.message);
  process.exit(0);
}

setTimeout(() => { console.error('timed out'); process.exit(1); }, 30000).unref();
connection.connect((error) => {
  if (error) return finish(error);
  const request = new Request(query, finish);
  request.on('row', ([column]) => console.log('row: ' + column.value));
  connection.execSqlBatch(request);
});
