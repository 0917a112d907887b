// One opened event: the big picture, the words, the decision, questions, regions and facts.

import { ask, wholePicture } from "./api.js";
import { byId, el, say } from "./dom.js";
import { count, moment, REVIEWS, score, spoken, title } from "./format.js";
import { badge, meter, timeAgo, words } from "./parts.js";
import { frame, hue, view, zoom } from "./picture.js";

const SUGGESTIONS = ["What is the defect?", "Where is it?", "How many regions are there?", "How large is it?"];

export class Detail {
  constructor({ onDecision }) {
    this.event = null;
    this.asking = null;
    this.focus = 0;
    for (const button of document.querySelectorAll("[data-state]")) {
      button.addEventListener("click", () => onDecision(button.dataset.state));
    }
    byId("mask").addEventListener("click", () => this.toggleMask());
    byId("ask-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.ask(byId("question").value);
    });
    byId("suggestions").append(
      ...SUGGESTIONS.map((text) => el("button", { type: "button", class: "chip", onclick: () => this.ask(text) }, text)),
    );
  }

  get open() {
    return this.event !== null;
  }

  show(event) {
    const other = !this.event || this.event.id !== event.id;
    const repaint = other || this.event.model_version !== event.model_version;
    this.event = event;
    byId("detail").classList.remove("waiting");
    if (other) this.forget();
    if (repaint) this.paint();
    if (other || !this.typed) this.offerType();
    this.tell();
  }

  // Nothing is open: what is on the page of the event before is neither seen nor reached.
  hide() {
    this.event = null;
    byId("detail").classList.add("waiting");
    this.forget();
  }

  forget() {
    if (this.asking) this.asking.abort();
    this.asking = null;
    this.typed = false;
    byId("answers").replaceChildren();
    byId("question").value = "";
    byId("comment").value = "";
  }

  paint() {
    const picture = frame(this.event, wholePicture(this.event), { interactive: true });
    picture.addEventListener("click", (click) => {
      const region = click.target.closest("[data-region]");
      this.zoomTo(region && this.focus !== Number(region.dataset.region) ? Number(region.dataset.region) : 0);
    });
    byId("picture").replaceChildren(picture);
    this.focus = 0;
    byId("zooms").replaceChildren(
      el("button", { type: "button", class: "chip", "data-zoom": 0, "aria-pressed": "true", onclick: () => this.zoomTo(0) }, "Whole picture ", el("kbd", {}, "0")),
      ...this.event.regions.slice(0, 9).map((region) =>
        el(
          "button",
          { type: "button", class: `chip hue-${hue(region.number)}`, "data-zoom": region.number, "aria-pressed": "false", onclick: () => this.zoomTo(region.number) },
          el("i", { class: "swatch" }), `Region ${region.number} `, el("kbd", {}, String(region.number)),
        ),
      ),
    );
    byId("regions").replaceChildren(...this.event.regions.map((region) => this.row(region)));
    byId("facts").replaceChildren(...facts(this.event));
  }

  row(region) {
    const likely = region.types.map((item) => `${spoken(item.type)} ${Math.round(item.probability * 100)} %`);
    const row = el(
      "li",
      { class: `hue-${hue(region.number)}` },
      el(
        "button",
        { type: "button", onclick: () => this.zoomTo(this.focus === region.number ? 0 : region.number) },
        el("i", { class: "swatch" }, String(region.number)),
        el("span", { class: "what" }, el("strong", {}, title(region.type)), el("small", {}, likely.join(" · "))),
        el("span", { class: "figures" }, el("strong", {}, score(region.score)), el("small", {}, `${spoken(region.cell)} · ${count(region.area_px)} px`)),
      ),
    );
    const mark = (on) => () => byId("picture").querySelector(`[data-region="${region.number}"]`)?.classList.toggle("lit", on);
    row.addEventListener("pointerenter", mark(true));
    row.addEventListener("pointerleave", mark(false));
    return row;
  }

  tell() {
    const event = this.event;
    byId("detail-kicker").replaceChildren(
      el("span", { class: "camera" }, event.camera), " · ", timeAgo(event.capture_time), ` · ${moment(event.capture_time)}`,
    );
    const corrected = event.type !== event.expert_type ? el("small", {}, ` (expert: ${spoken(event.expert_type)})`) : null;
    byId("detail-title").replaceChildren(title(event.type), ...(corrected ? [corrected] : []));
    byId("detail-score").replaceChildren(meter(event));
    byId("words").replaceChildren(
      words(event.explanation), ...neighbours(event.explanation), ...contradictions(event.explanation),
    );
    const { state, reviewer, time, comment } = event.review;
    // A decision that was taken back is none: its time says nothing.
    const by = state === "unreviewed" ? "" : [reviewer && `by ${reviewer}`, time && moment(time)].filter(Boolean).join(", ");
    const line = byId("decision");
    line.className = `decision ${state}`;
    say(line, [REVIEWS[state], by && ` ${by}`, comment && ` — “${comment}”`].filter(Boolean).join(""));
    for (const button of document.querySelectorAll("[data-state]")) {
      button.setAttribute("aria-pressed", String(button.dataset.state === state));
    }
  }

  offerType() {
    const select = byId("type");
    if (![...select.options].some((option) => option.value === this.event.type)) {
      select.prepend(el("option", { value: this.event.type }, spoken(this.event.type)));
    }
    select.value = this.event.type;
  }

  // What a decision carries: the type only when it differs from what holds without it.
  decision(state) {
    const type = byId("type").value;
    const plain = this.event.explanation.type || this.event.expert_type;
    return {
      state,
      type: state === "confirmed" && type !== plain && type !== "unknown" ? type : "",
      comment: byId("comment").value.trim(),
      seen: this.event.review.state,
    };
  }

  zoomTo(number) {
    const region = this.event.regions.find((item) => item.number === number);
    this.focus = region ? number : 0;
    zoom(byId("picture").firstElementChild, view(this.event, region));
    for (const chip of byId("zooms").children) {
      chip.setAttribute("aria-pressed", String(Number(chip.dataset.zoom) === this.focus));
    }
  }

  toggleMask() {
    const off = byId("picture").classList.toggle("bare");
    byId("mask").setAttribute("aria-pressed", String(!off));
  }

  async ask(text) {
    const question = text.trim();
    if (!question || !this.event) return;
    if (this.asking) this.asking.abort();
    const asking = (this.asking = new AbortController());
    const answer = el("p", { class: "answer writing-now" });
    const entry = el("div", { class: "exchange" }, el("p", { class: "question" }, question), answer);
    byId("answers").append(entry);
    byId("question").value = "";
    entry.scrollIntoView({ block: "nearest" });
    try {
      const last = await ask(this.event.id, question, (piece) => answer.append(piece), asking.signal);
      if (answer.textContent.trim() !== last.explanation.text.trim()) {
        if (answer.textContent) answer.before(el("p", { class: "struck", title: "What followed was contradicted" }, answer.textContent));
        answer.textContent = last.explanation.text;
      }
      const vision = last.tokens_cached ? "from cached region tokens" : "region tokens computed again";
      entry.append(el("p", { class: "footnote" }, badge(last.explanation), " ", vision));
    } catch (error) {
      if (asking.signal.aborted) entry.remove();
      else entry.append(el("p", { class: "wrong", role: "alert" }, error.message));
    } finally {
      answer.classList.remove("writing-now");
      if (this.asking === asking) this.asking = null;
      entry.scrollIntoView({ block: "nearest" });
    }
  }
}

function contradictions(explanation) {
  if (!explanation.contradictions.length) return [];
  return [
    el(
      "details",
      { class: "contradictions" },
      el("summary", {}, `${explanation.contradictions.length} contradicted claim${explanation.contradictions.length > 1 ? "s" : ""}`),
      el("ul", {}, explanation.contradictions.map((text) => el("li", {}, text))),
    ),
  ];
}

function neighbours(explanation) {
  const many = explanation.neighbours.length;
  if (!many) return [];
  const line = (one) =>
    el(
      "li",
      {},
      `Region ${one.region}: `,
      el("a", { href: `/events/${one.event}`, "data-route": true }, one.event.slice(0, 8)),
      `, ${spoken(one.type)}, ${Math.round(one.similarity * 100)} % alike`,
    );
  return [
    el(
      "details",
      { class: "neighbours" },
      el("summary", {}, `Like ${many} confirmed region${many > 1 ? "s" : ""}`),
      el("ul", {}, explanation.neighbours.map(line)),
    ),
  ];
}

function facts(event) {
  const rows = [
    ["Part", event.part],
    ["Lot", event.lot],
    ["Recipe", event.recipe],
    ["View", event.view],
    ...Object.entries(event.attributes),
    ["Picture", `${event.picture.width} × ${event.picture.height} px`],
    ["Frame", event.frame],
    ["Event", event.id],
    ["Model", event.model_version],
    ["Threshold", `${event.threshold.toFixed(4)} (${event.threshold_version})`],
    ["Captured", moment(event.capture_time)],
    ["Raised", `${Math.max(0, Date.parse(event.raise_time) - Date.parse(event.capture_time)).toLocaleString()} ms after capture`],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}
