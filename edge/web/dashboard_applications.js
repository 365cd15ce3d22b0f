// The pages about applications: where each leads, the keys of its CA, and what its policies say of a person or program.
import { addressValue, onAddress, setAddress } from "./dashboard_address.js";
import { plain } from "./dashboard_columns.js";
import { list } from "./dashboard_list.js";
import { linkTo } from "./dashboard_own.js";
import { ask, attempt, button, copyable, field, form, make, sure } from "./dashboard_parts.js";

const encode = encodeURIComponent;

function rulesOf(policy) {
  const parts = [["includes", policy.include], ["requires", policy.require], ["excludes", policy.exclude]];
  return parts.filter(([, rules]) => rules.length).map(([name, rules]) => `${name} ${rules.join(", ")}`).join("; ");
}

const policyLines = (app) => app.policies.map((policy) => `${policy.name} (${policy.decision}): ${rulesOf(policy)}`);

export async function applications(main, signal) {
  const columns = [
    { ...plain("hostname", "Application"), cell: (app) => linkTo(app.hostname) },
    plain("protocol", "Reached by", (app) => app.protocol + (app.terminal ? ", terminal" : "")),
    plain("origin", "Leads to"),
    plain("session_duration", "A sign-in lasts"),
    { ...plain("policies", "Policies", (app) => policyLines(app).join("\n")),
      cell: (app) => make("ul", {}, ...policyLines(app).map((line) => make("li", {}, line))) },
  ];
  const actions = (app) => [make("a", { className: "button", href: `#policy-test?application=${encode(app.hostname)}` }, "Test policies")];
  const all = list({ caption: "Applications", columns, key: (app) => app.hostname, actions, signal,
    empty: "The configuration has no application." });
  main.append(all.element);
  all.show((await ask("applications")).applications);
}

/** A choice among applications that is in the address. */
function applicationChoice(all, chosen) {
  const choice = make("select", { id: "application" }, ...all.map((app) => make("option", {}, app.hostname)));
  const read = () => {
    choice.value = addressValue("application");
    if (choice.selectedIndex < 0) choice.selectedIndex = 0;
  };
  read();
  choice.onchange = () => {
    setAddress({ application: choice.value });
    chosen();
  };
  return { choice, read };
}

/** The names of applications and the lines of CAs hold nothing that a shell would take for anything but text. */
function setupLine(ca) {
  return `printf '%s\\n' ${ca.lines.map((line) => `'${line}'`).join(" ")} | cfpipe-edge sshd-setup --app '${ca.hostname}' --ca-key -`;
}

function rotationButtons(ca, act) {
  if (ca.in_agent) return [make("p", { className: "soft" }, "Its key is in an agent: it is changed there.")];
  if (ca.lines.length === 1) {
    return [button("Rotate", async () => {
      if (await sure(`This makes the next key of ${ca.hostname}. The present one goes on signing until you let the next one sign.`, "Make the next key"))
        await act("rotate");
    })];
  }
  return [make("div", { className: "row" }, button("Let the next key sign", async () => {
    if (await sure(`Servers that do not have the next key of ${ca.hostname} yet will reject all its certificates.`, "Let it sign")) await act("retire");
  }, "danger"), button("Cancel the rotation", async () => {
    if (await sure(`The next key of ${ca.hostname} is forgotten, and the present one goes on signing.`, "Forget the next key")) await act("cancel");
  }, "danger"))];
}

/** The key of one application's CA, and what a server has to be told. */
function caCard(ca, act) {
  const waiting = ca.lines.length > 1;
  return make("section", { className: "card", data: { host: ca.hostname } }, make("h3", {}, ca.hostname),
    ...ca.lines.flatMap((line, at) => [
      make("p", { className: "soft" }, at === 0 ? "Public key that signs" : "Public key that will sign next"),
      copyable(line, `the public key of ${ca.hostname}`)]),
    make("p", { className: "soft" }, "On each server, as root:"),
    copyable(setupLine(ca), "the line that sets a server up"),
    make("p", { className: "soft" }, `Or by hand: put ${waiting ? "both keys" : "the key"} into ${ca.keys_file}, this into /etc/ssh/sshd_config, and reload sshd.`),
    copyable(ca.sshd_config, "the line for sshd_config"),
    ...rotationButtons(ca, act));
}

function noCaCard(hostname, act) {
  return make("section", { className: "card" }, make("h3", {}, hostname),
    make("p", {}, "It has no certificate authority yet."), button("Generate certificate", () => act("generate"), "main"));
}

const NO_CA = 409;

export async function serviceAuth(main, signal) {
  const certified = (await ask("applications")).applications.filter((app) => app.certificates);
  if (!certified.length) {
    main.append(make("p", { className: "soft" }, "No application has short_lived_certificates in the configuration."));
    return;
  }
  const place = make("div");
  const path = () => `applications/${encode(choice.value)}/ca`;
  const act = async (name) => place.replaceChildren(caCard(await ask(`${path()}/${name}`, "POST"), act));
  const look = async () => {
    const hostname = choice.value;
    const card = await ask(path()).then((ca) => caCard(ca, act), (error) => {
      if (error.status !== NO_CA) throw error;
      return noCaCard(hostname, act);
    });
    if (hostname === choice.value) place.replaceChildren(card);
  };
  const { choice, read } = applicationChoice(certified, () => attempt(look));
  onAddress(signal, () => {
    read();
    void attempt(look);
  });
  main.append(make("p", {}, "Servers trust the certificates of an application by the public key of its certificate authority."),
    make("div", { className: "row" }, field("Application", choice)), place);
  await look();
}

/** Fields of the policy test by the names that the API has for them. */
function testFields(all) {
  const providers = make("datalist", { id: "providers" },
    ...[...new Set(all.flatMap((app) => app.allowed_idps))].map((name) => make("option", { value: name })));
  const input = (id, more = {}) => make("input", { id, autocomplete: "off", spellcheck: false, ...more });
  const inputs = {
    email: input("email", { type: "email" }), login_method: input("login_method", { attributes: { list: providers.id } }), ip: input("ip"), service_token: input("service_token"),
    groups: make("textarea", { id: "groups", rows: 2, spellcheck: false }),
    groups_unknown: make("input", { id: "groups_unknown", type: "checkbox" }),
  };
  const names = { email: "Email", login_method: "Identity provider", ip: "Address", service_token: "Service token",
    groups: "Groups, one a line", groups_unknown: "Groups unknown" };
  const fields = Object.entries(inputs).map(([name, one]) => field(names[name], one));
  return { inputs, fields: [...fields, providers] };
}

function asked({ email, login_method: method, ip, service_token: token, groups, groups_unknown: unknown }) {
  return { email: email.value.trim(), login_method: method.value.trim(), ip: ip.value.trim(), service_token: token.value.trim(),
    groups: groups.value.split("\n").map((name) => name.trim()).filter(Boolean), groups_unknown: unknown.checked };
}

export async function policyTest(main, signal) {
  const { applications: all } = await ask("applications");
  const verdict = make("p", { id: "verdict", className: "verdict", attributes: { role: "status" } });
  const { inputs, fields } = testFields(all);
  const { choice, read } = applicationChoice(all, () => verdict.replaceChildren());
  const readAll = () => {
    read();
    for (const [name, input] of Object.entries(inputs)) {
      if (input.type === "checkbox") input.checked = addressValue(name) === "yes";
      else input.value = addressValue(name);
    }
  };
  const test = async () => {
    const hostname = choice.value;
    const said = await ask(`applications/${encode(hostname)}/policy-test`, "POST", asked(inputs));
    verdict.className = `verdict ${said.allowed ? "good" : "bad"}`;
    verdict.textContent = `${said.allowed ? "Allowed" : "Not allowed"} at ${hostname}: ${said.reason}.`;
  };
  const run = async () => {
    setAddress({ application: choice.value, tested: "yes", ...Object.fromEntries(Object.entries(inputs).map(([name, input]) =>
      [name, input.type === "checkbox" ? (input.checked ? "yes" : "") : input.value.trim()])) });
    verdict.replaceChildren();
    await test();
  };
  /** A link that was copied after a test shows its verdict. */
  const show = async () => {
    readAll();
    verdict.replaceChildren();
    if (addressValue("tested")) await test();
  };
  onAddress(signal, () => void attempt(show));
  const sheet = form(run, field("Application", choice), ...fields, make("button", { className: "main" }, "Test"));
  sheet.className = "sheet";
  main.append(make("p", { className: "soft" }, "What the policies would say of a person, a program or an address. The test signs no one in, and leaves no row in the audit."), sheet, verdict);
  await show();
}
