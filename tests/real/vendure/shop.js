// A real Vendure for the tests: `node shop.js fill` makes the tables and goods, `node shop.js` serves.
// Port, database and folder come from the environment: SHOP_PORT, SHOP_PG_HOST (a socket folder), SHOP_DATABASE.
require('reflect-metadata');
const path = require('path');
const {
  bootstrap, DefaultJobQueuePlugin, DefaultLogger, dummyPaymentHandler, LanguageCode, LogLevel,
} = require('@vendure/core');

const filling = process.argv[2] === 'fill';
const config = {
  apiOptions: { port: Number(process.env.SHOP_PORT), hostname: '127.0.0.1' },
  authOptions: {
    tokenMethod: ['bearer'],
    superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
    requireVerification: false,
  },
  dbConnectionOptions: {
    type: 'postgres', host: process.env.SHOP_PG_HOST, username: 'postgres', database: process.env.SHOP_DATABASE,
    synchronize: filling, logging: false,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: path.join(__dirname, 'assets') },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  plugins: [DefaultJobQueuePlugin.init({})],
};
const goods = {
  defaultLanguage: LanguageCode.en,
  defaultZone: 'Europe',
  countries: [
    { name: 'Sweden', code: 'SE', zone: 'Europe' },
    { name: 'Germany', code: 'DE', zone: 'Europe' },
    { name: 'Taiwan', code: 'TW', zone: 'Asia' },
  ],
  taxRates: [{ name: 'Standard Tax', percentage: 25 }],
  shippingMethods: [{ name: 'Post', price: 590 }],
  paymentMethods: [
    { name: 'Card', handler: { code: dummyPaymentHandler.code, arguments: [{ name: 'automaticSettle', value: 'true' }] } },
  ],
  collections: [],
};

async function main() {
  if (filling) {
    const { populate } = require('@vendure/core/cli');
    const app = await populate(() => bootstrap(config), goods, path.join(__dirname, 'goods.csv'));
    await app.close();
    process.exit(0);
  }
  await bootstrap(config);
}
main().catch((error) => { console.error(error); process.exit(1); });
