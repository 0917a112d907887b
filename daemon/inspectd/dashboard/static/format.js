// Values as people read them.

const RELATIVE = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "h"],
  [Infinity, 86400, "d"],
];

export function ago(iso) {
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
  if (seconds < 2) return "now";
  const [, unit, name] = RELATIVE.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

export function clock(iso) {
  return new Date(iso).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function moment(iso) {
  const date = new Date(iso);
  const day = date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
  return `${day}, ${clock(iso)}`;
}

export const spoken = (slug) => slug.replaceAll("_", " ");

export function title(slug) {
  const words = spoken(slug);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const score = (value) => value.toFixed(value >= 0.0995 || value === 0 ? 2 : 3);

export const count = (value) => value.toLocaleString();

export function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 1 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}

export const REVIEWS = {
  unreviewed: "To review",
  acknowledged: "Acknowledged",
  confirmed: "Confirmed",
  rejected: "False alarm",
};

// Keeps every <time data-ago> current.
export function keepTimes() {
  setInterval(() => {
    for (const node of document.querySelectorAll("time[data-ago]")) {
      const text = ago(node.dateTime);
      if (node.textContent !== text) node.textContent = text;
    }
  }, 1000);
}
