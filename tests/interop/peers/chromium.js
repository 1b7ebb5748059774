// Opens pages with Chromium, one after another in one browser, and prints JSON for each.
//
//     node chromium.js PROFILE USER PASSWORD URL...
//
// With PROXY in the environment, it goes through that, and logs in there. With USES_GSS, it logs in to
// servers on this machine with the credentials of GSS-API, and with no password.

const { createRequire } = require('module');
const { chromium } = createRequire(process.env.NTLM_INTEROP + '/node/')('playwright-core');

const [profile, username, password, ...urls] = process.argv.slice(2);
const server = process.env.PROXY;
const usesGss = process.env.USES_GSS;
const proxy = server && { server, username, password, bypass: '<-loopback>' };

(async () => {
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    ignoreHTTPSErrors: true,
    httpCredentials: usesGss ? undefined : { username, password },
    proxy,
    env: { ...process.env, HOME: profile },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      ...(proxy ? [] : ['--no-proxy-server']),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--ignore-certificate-errors',
      ...(usesGss ? ['--auth-server-allowlist=127.0.0.1'] : []),
    ],
  });
  for (const url of urls) {
    // The page of an error that is still on its way would take the place of the next one.
    const page = await browser.newPage();
    try {
      const response = await page.goto(url, { timeout: 20000 });
      console.log(JSON.stringify({
        status: response.status(),
        user: (await response.allHeaders())['x-user'],
        body: await page.textContent('body'),
      }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error.message) }));
    }
  }
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
