// Opens pages with Firefox, one after another in one browser, and prints JSON for each.
//
//     node firefox.js PROFILE USER PASSWORD URL...
//
// With USES_GSS in the environment, it logs in to servers on this machine with the credentials of
// GSS-API, and with no password. With USES_HELPER, it does so through the `ntlm_auth` of its working
// directory, as the user that USER names.

const { createRequire } = require('module');
const puppeteer = createRequire(process.env.NTLM_INTEROP + '/node/')('puppeteer-core');

const usesGss = process.env.USES_GSS;
const usesHelper = process.env.USES_HELPER;
const [profile, username, password, ...urls] = process.argv.slice(2);

(async () => {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr',
    headless: true,
    acceptInsecureCerts: true,
    userDataDir: profile,
    env: { ...process.env, HOME: profile },
    extraPrefsFirefox: {
      // Its own NTLM, unless it is to run a helper; and nothing but the pages that are asked for.
      'network.auth.force-generic-ntlm': !usesHelper,
      'network.automatic-ntlm-auth.trusted-uris': usesHelper ? '127.0.0.1' : '',
      'network.negotiate-auth.trusted-uris': usesGss ? '127.0.0.1' : '',
      'network.proxy.type': 0,
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'app.update.enabled': false,
      'services.settings.server': 'http://127.0.0.1:1',
    },
  });
  const page = await browser.newPage();
  if (!usesGss && !usesHelper) {
    await page.authenticate({ username, password });
  }
  for (const url of urls) {
    try {
      const response = await page.goto(url, { timeout: 20000 });
      console.log(JSON.stringify({
        status: response.status(),
        user: response.headers()['x-user'],
        body: await page.$eval('body', (body) => body.textContent),
      }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error.message) }));
    }
  }
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
