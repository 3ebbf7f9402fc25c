// A sample: shows what came, newest first. A real one would open the customer's record.
const body = document.getElementById("events");
const status = document.getElementById("status");

async function look() {
  try {
    const { events } = await (await fetch("events")).json();
    body.replaceChildren(...events.reverse().map(row));
    status.textContent = events.length ? `${events.length} messages` : "Nothing yet.";
  } catch {
    status.textContent = "The server doesn't answer.";
  }
  setTimeout(look, 1000);
}

function row({ event }) {
  const data = event.data ?? {};
  const context = data.context ?? {};
  const customer = context.customer ?? {};
  const cells = [
    event.timestamp ?? "",
    event.type ?? "",
    [customer.name, customer.id].filter(Boolean).join(", "),
    context.authentication?.state ?? "",
    context.intent ?? "",
  ];
  const line = document.createElement("tr");
  for (const text of cells) line.append(Object.assign(document.createElement("td"), { textContent: text }));
  return line;
}

look();
