// A picture with its regions: one SVG in the picture's own pixels, so that outlines fit at every size and zoom.

import { svg } from "./dom.js";
import { spoken } from "./format.js";

// Regions smaller than this share of the frame get corner marks, or nobody would find them on a card.
const SMALL_SHARE = 0.09;

export const hue = (number) => ((number - 1) % 4) + 1;

function corners(x, y, width, height, arm) {
  const [right, bottom] = [x + width, y + height];
  return (
    `M${x} ${y + arm}V${y}H${x + arm}M${right - arm} ${y}H${right}V${y + arm}` +
    `M${right} ${bottom - arm}V${bottom}H${right - arm}M${x + arm} ${bottom}H${x}V${bottom - arm}`
  );
}

function marks(region, picture) {
  const [x, y, width, height] = region.box;
  const longest = Math.max(picture.width, picture.height);
  if (Math.max(width, height) > longest * SMALL_SHARE * 2) return null;
  const pad = longest * 0.022;
  const arm = Math.min(longest * 0.03, (Math.min(width, height) + 2 * pad) / 2.5);
  return svg("path", { class: "marks", d: corners(x - pad, y - pad, width + 2 * pad, height + 2 * pad, arm) });
}

function outline(region, picture, interactive) {
  const group = svg(
    "g",
    { class: `region hue-${hue(region.number)}`, "data-region": region.number },
    svg("path", { class: "fill", d: region.path, "fill-rule": "evenodd" }),
    svg("path", { class: "halo", d: region.path }),
    svg("path", { class: "line", d: region.path }),
    marks(region, picture),
  );
  if (interactive) group.append(svg("title", {}, `Region ${region.number}: ${spoken(region.type)}`));
  return group;
}

export function frame(event, source, { interactive = false } = {}) {
  const { width, height } = event.picture;
  const image = svg("image", { href: source, x: 0, y: 0, width, height });
  const label =
    `Picture of camera ${event.camera}: ` +
    event.regions.map((region) => `${spoken(region.type)} at ${spoken(region.cell)}`).join(", ");
  const root = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "frame" },
    image,
    svg("g", { class: "outlines" }, [...event.regions].reverse().map((region) => outline(region, event.picture, interactive))),
  );
  image.addEventListener("error", () => {
    image.remove();
    root.classList.add("gone");
    const size = Math.max(width, height) / 22;
    const text = svg("text", { x: width / 2, y: height / 2, "font-size": size, class: "note" });
    text.textContent = "The picture is not kept any more";
    root.append(text);
  });
  return root;
}

// The part of the picture around a region, in the stage's shape; the whole picture for none.
export function view(event, region) {
  const { width, height } = event.picture;
  if (!region) return [0, 0, width, height];
  const [x, y, w, h] = region.box;
  const scale = Math.min(1, Math.max((w * 2.6) / width, (h * 2.6) / height, 48 / width, 48 / height));
  const [viewWidth, viewHeight] = [width * scale, height * scale];
  const left = Math.min(Math.max(0, x + w / 2 - viewWidth / 2), width - viewWidth);
  const top = Math.min(Math.max(0, y + h / 2 - viewHeight / 2), height - viewHeight);
  return [left, top, viewWidth, viewHeight];
}

// Moves to a view smoothly, or at once for people who asked for less motion.
export function zoom(root, target) {
  const box = root.viewBox.baseVal;
  const from = [box.x, box.y, box.width, box.height];
  const set = (values) => root.setAttribute("viewBox", values.join(" "));
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return set(target);
  const start = performance.now();
  const step = (now) => {
    const t = Math.min(1, (now - start) / 220);
    const eased = 1 - (1 - t) ** 3;
    set(from.map((value, i) => value + (target[i] - value) * eased));
    if (t < 1 && root.isConnected) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
