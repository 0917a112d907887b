// The grid of events: newest first, changed in place as changes come.

import { smallPicture } from "./api.js";
import { byId, el } from "./dom.js";
import { title } from "./format.js";
import { meter, reviewPill, timeAgo, words } from "./parts.js";
import { frame } from "./picture.js";

function facts(event) {
  const part = [event.part, event.lot && `lot ${event.lot}`].filter(Boolean).join(" · ");
  return el(
    "p",
    { class: "where" },
    el("span", { class: "camera" }, event.camera),
    part ? el("span", { class: "part", title: part }, part) : null,
    timeAgo(event.capture_time),
  );
}

export function card(event) {
  const name = title(event.type);
  const more = event.regions.length > 1 ? el("span", { class: "more-regions" }, `+${event.regions.length - 1}`) : null;
  return el(
    "a",
    {
      class: `card ${event.review.state}`,
      href: `/events/${event.id}`,
      "data-route": true,
      "data-id": event.id,
      "data-raised": event.raise_time,
      "aria-label": `${name}, camera ${event.camera}, ${event.review.state}`,
    },
    el("div", { class: "thumb" }, frame(event, smallPicture(event)), reviewPill(event)),
    el(
      "div",
      { class: "body" },
      el("div", { class: "line" }, el("h2", {}, name, more), meter(event)),
      facts(event),
      words(event.explanation),
    ),
  );
}

export class Grid {
  constructor() {
    this.root = byId("events");
    this.cards = new Map();
  }

  clear() {
    this.root.replaceChildren();
    this.cards.clear();
  }

  has(id) {
    return this.cards.has(id);
  }

  get size() {
    return this.cards.size;
  }

  append(events) {
    for (const event of events) if (!this.cards.has(event.id)) this.insert(event, null);
  }

  // A changed event where it is, a new one at its place; one that belongs to pages not shown stays away.
  put(event, moreBelow) {
    const old = this.cards.get(event.id);
    if (!old) {
      const next = [...this.root.children].find((node) => node.dataset.raised < event.raise_time) || null;
      if (next || !moreBelow) this.insert(event, next).classList.add("new");
      return;
    }
    const fresh = card(event);
    // The picture stays: only what is said about it changes, and nothing flickers.
    const picture = old.querySelector(".thumb svg");
    if (picture && sameRegions(old, fresh)) fresh.querySelector(".thumb svg").replaceWith(picture);
    const focused = old === document.activeElement;
    old.replaceWith(fresh);
    this.cards.set(event.id, fresh);
    if (focused) fresh.focus();
  }

  insert(event, before) {
    const node = card(event);
    this.cards.set(event.id, node);
    this.root.insertBefore(node, before);
    return node;
  }

  remove(id) {
    const node = this.cards.get(id);
    if (!node) return;
    const next = node === document.activeElement ? node.nextElementSibling || node.previousElementSibling : null;
    node.remove();
    this.cards.delete(id);
    if (next) next.focus();
  }

  // Lets the oldest cards go, so that a long night does not fill the browser.
  trim(most) {
    while (this.cards.size > most) this.remove(this.root.lastElementChild.dataset.id);
  }

  move(step) {
    const nodes = [...this.root.children];
    if (!nodes.length) return;
    const at = nodes.indexOf(document.activeElement);
    const target = nodes[at < 0 ? 0 : Math.min(nodes.length - 1, Math.max(0, at + step))];
    target.focus();
    target.scrollIntoView({ block: "nearest" });
  }

  ids() {
    return [...this.root.children].map((node) => node.dataset.id);
  }
}

const sameRegions = (one, other) =>
  one.querySelectorAll(".region").length === other.querySelectorAll(".region").length &&
  [...one.querySelectorAll(".line")].every((path, i) => path.getAttribute("d") === other.querySelectorAll(".line")[i].getAttribute("d"));
