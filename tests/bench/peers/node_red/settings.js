// Node-RED without its editor: the flow beside this file is all that runs.
module.exports = {
  httpAdminRoot: false,
  httpNodeRoot: "/",
  credentialSecret: false,
  logging: { console: { level: "warn" } },
};
