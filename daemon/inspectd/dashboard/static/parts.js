// Pieces that cards and the opened event share.

import { el } from "./dom.js";
import { ago, moment, REVIEWS, score } from "./format.js";

export function meter(event) {
  const label = `score ${score(event.score)}, threshold ${score(event.threshold)}`;
  const bar = el("span", { class: "meter", role: "img", "aria-label": label, title: label }, el("i"), el("b"));
  // A score is 0 to 1; the style is set through the object model, which the content policy allows.
  bar.children[0].style.width = `${Math.min(1, event.score) * 100}%`;
  bar.children[1].style.left = `${Math.min(1, event.threshold) * 100}%`;
  return el(
    "span",
    { class: "score" },
    el("strong", {}, score(event.score)),
    bar,
    el("span", { class: "threshold" }, `≥ ${score(event.threshold)}`),
  );
}

const WORDS = {
  pending: ["pending", "Words pending", "The explainer has not come to it yet."],
  ready: ["verified", "Verified", "Every claim was checked against the regions."],
  ungrounded: ["template", "Template", "The model's words were contradicted by the regions; this sentence is built from them."],
  failed: ["failed", "No words", "The explainer failed."],
  expired: ["failed", "No words", "The explainer did not come to it in time."],
};

export function badge(explanation) {
  const [kind, text, why] = WORDS[explanation.state];
  return el("span", { class: `badge ${kind}`, title: explanation.failure || why }, text);
}

export function words(explanation) {
  const text =
    explanation.text || (explanation.state === "pending" ? "" : explanation.failure || "No explanation was written.");
  const lines = explanation.state === "pending" ? el("span", { class: "writing", "aria-hidden": "true" }) : text;
  return el("div", { class: `words ${explanation.state}` }, el("p", {}, lines), badge(explanation));
}

export const reviewPill = (event) =>
  el("span", { class: `review ${event.review.state}` }, REVIEWS[event.review.state]);

export const timeAgo = (iso) => el("time", { datetime: iso, "data-ago": true, title: moment(iso) }, ago(iso));
