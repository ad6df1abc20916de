"use strict";
// Reads three addresses every five seconds. What does not answer is said to be so; what was read stays.

const EVERY_MS = 5000;
const element = (id) => document.getElementById(id);

function money(minor, currency) {
  const amount = Number(minor) / 100;
  return amount.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 }) + (currency ? " " + currency : "");
}

async function read(path) {
  const reply = await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(4500) });
  const body = await reply.json();
  if (!reply.ok) {
    throw new Error(String(reply.status) + " " + String(body.message ?? ""));
  }
  return body;
}

function cell(row, text, name) {
  const made = document.createElement("td");
  made.textContent = text;
  if (name) {
    made.className = name;
  }
  row.append(made);
}

async function showState() {
  const badge = element("badge");
  try {
    const state = await read("/state");
    const primary = state.mode === "primary";
    badge.className = "badge " + (primary ? "green" : "amber");
    badge.textContent = (primary ? "primary: " : "failover: ") + state.active;
  } catch {
    badge.className = "badge unknown";
    badge.textContent = "router does not answer";
  }
}

async function showBalance() {
  try {
    const balance = await read("/balance");
    element("balance").textContent = money(balance.balance, "SGD");
    element("balance-note").textContent = balance.transactions + " transactions in " + balance.accounts + " accounts";
  } catch (error) {
    element("balance-note").textContent = "cannot be read now: " + error.message;
  }
}

async function showTransactions() {
  try {
    const list = await read("/transactions");
    const rows = list.transactions.map((transaction) => {
      const row = document.createElement("tr");
      cell(row, new Date(transaction.at).toLocaleTimeString());
      cell(row, String(transaction.account));
      cell(row, String(transaction.description ?? ""));
      cell(row, String(transaction.region));
      cell(row, money(transaction.amount, transaction.currency), "number");
      return row;
    });
    element("rows").replaceChildren(...rows);
    element("list-note").textContent = "";
  } catch (error) {
    element("list-note").textContent = "cannot be read now: " + error.message;
  }
}

async function show() {
  await Promise.all([showState(), showBalance(), showTransactions()]);
  setTimeout(show, EVERY_MS);
}

show();
