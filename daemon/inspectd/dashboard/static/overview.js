// The camera strip, the review filter with its counts, and the health pill.

import { byId, el, say } from "./dom.js";
import { ago, count, REVIEWS, score, share } from "./format.js";

const STATES = ["", "unreviewed", "acknowledged", "confirmed", "rejected"];

export class OverviewBar {
  constructor({ onCamera, onState }) {
    this.onCamera = onCamera;
    this.chips = new Map();
    this.segments = new Map(
      STATES.map((state) => {
        const number = el("b", {}, "–");
        const label = state ? REVIEWS[state] : "All";
        const button = el("button", { type: "button", class: state, "aria-pressed": "false", onclick: () => onState(state) }, label, " ", number);
        byId("states").append(button);
        return [state, { button, number }];
      }),
    );
  }

  select({ camera, state }) {
    for (const [id, chip] of this.chips) chip.root.setAttribute("aria-pressed", String(id === camera));
    for (const [name, { button }] of this.segments) button.setAttribute("aria-pressed", String(name === state));
  }

  show(overview, filter) {
    const total = Object.values(overview.reviews).reduce((sum, value) => sum + value, 0);
    for (const [state, { number }] of this.segments) say(number, count(state ? overview.reviews[state] : total));
    this.showCameras(overview.cameras, filter);
    this.showHealth(overview.health);
    const inspected = overview.cameras.reduce((sum, camera) => sum + camera.inspected, 0);
    const defects = overview.cameras.reduce((sum, camera) => sum + camera.defects, 0);
    say(byId("totals"), `${count(inspected)} frames inspected · ${count(defects)} defective (${share(defects, inspected)})`);
    const waiting = overview.reviews.unreviewed;
    document.title = waiting ? `(${count(waiting)}) inspectd` : "inspectd";
  }

  showCameras(cameras, filter) {
    const all = {
      id: "",
      cameras: cameras.length,
      inspected: cameras.reduce((sum, camera) => sum + camera.inspected, 0),
      defects: cameras.reduce((sum, camera) => sum + camera.defects, 0),
    };
    const known = [all, ...cameras];
    for (const id of [...this.chips.keys()]) {
      if (!known.some((camera) => camera.id === id)) {
        this.chips.get(id).root.remove();
        this.chips.delete(id);
      }
    }
    known.forEach((camera, place) => {
      if (!this.chips.has(camera.id)) {
        const chip = this.chip(camera.id);
        this.chips.set(camera.id, chip);
        const strip = byId("cameras");
        strip.insertBefore(chip.root, strip.children[place] || null);
        chip.root.setAttribute("aria-pressed", String(camera.id === filter.camera));
      }
      this.update(this.chips.get(camera.id), camera);
    });
  }

  chip(id) {
    const parts = { inspected: el("b"), defects: el("b"), share: el("span", { class: "share" }), last: el("span", { class: "last" }), drift: el("span", { class: "drift", hidden: true }, "scores drift: recalibrate"), bar: el("i") };
    const root = el(
      "button",
      { type: "button", class: "camera-chip", "aria-pressed": "false", onclick: () => this.onCamera(id) },
      el("span", { class: "name" }, el("i", { class: "dot" }), id || "All cameras"),
      el("span", { class: "numbers" }, el("span", {}, parts.inspected, " frames"), el("span", {}, parts.defects, " defects"), parts.share),
      el("span", { class: "bar-track" }, parts.bar),
      parts.last,
      parts.drift,
    );
    return { root, ...parts };
  }

  update(chip, camera) {
    say(chip.inspected, count(camera.inspected));
    say(chip.defects, count(camera.defects));
    say(chip.share, share(camera.defects, camera.inspected));
    chip.bar.style.width = `${camera.inspected ? Math.min(100, (100 * camera.defects) / camera.inspected) : 0}%`;
    if (!camera.id) return say(chip.last, camera.cameras === 1 ? "1 camera" : `${camera.cameras} cameras`);
    chip.drift.hidden = camera.drift !== "drifting";
    const last = camera.last_capture_time;
    const threshold = camera.threshold === null ? "threshold not known" : `threshold ${score(camera.threshold)}`;
    say(chip.last, `${last ? ago(last) : "no frame yet"} · ${threshold}`);
    chip.root.classList.toggle("quiet-camera", !last || Date.now() - Date.parse(last) > 30000);
    chip.root.title = camera.threshold_version ? `threshold version ${camera.threshold_version}` : "";
  }

  showHealth(health) {
    const pill = byId("health");
    pill.hidden = false;
    pill.className = `pill ${health.ready ? "good" : "bad"}`;
    say(pill.lastElementChild, health.ready ? "ready" : `not ready: ${health.failing.join(", ")}`);
  }
}
