// What the pages say, in the reader's language. A catalogue is { key: [English, Japanese, Chinese] }.

export const LANGUAGES = { en: "English", ja: "日本語", zh: "中文" };
const ORDER = Object.keys(LANGUAGES);
const KEPT = "ringback.language";

/** The language that was chosen, else the browser's, else English. */
export function language() {
  const chosen = localStorage.getItem(KEPT);
  const wished = [chosen, ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => tag in LANGUAGES) ?? "en";
}

export class Words extends EventTarget {
  #catalogue;

  constructor(catalogue) {
    super();
    this.#catalogue = catalogue;
    this.language = language();
  }

  /** t("waiting", { count: 3 }); what isn't in the catalogue is said as it is. */
  say = (key, values = {}) => {
    const texts = this.#catalogue[key];
    const text = texts ? texts[ORDER.indexOf(this.language)] ?? texts[0] : key;
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  };

  knows(key) {
    return key in this.#catalogue;
  }

  choose(tag) {
    localStorage.setItem(KEPT, tag);
    this.language = tag;
    this.translate();
    this.dispatchEvent(new Event("change"));
  }

  /** data-t is an element's text, data-t-label its aria-label, data-t-placeholder its placeholder. */
  translate(root = document) {
    document.documentElement.lang = this.language;
    for (const node of root.querySelectorAll("[data-t]")) node.textContent = this.say(node.dataset.t);
    for (const node of root.querySelectorAll("[data-t-label]")) {
      node.setAttribute("aria-label", this.say(node.dataset.tLabel));
    }
    for (const node of root.querySelectorAll("[data-t-placeholder]")) {
      node.placeholder = this.say(node.dataset.tPlaceholder);
    }
  }

  /** Makes `select` choose the language. */
  offer(select) {
    for (const [tag, name] of Object.entries(LANGUAGES)) {
      const option = new Option(name, tag, false, tag === this.language);
      option.lang = tag;
      select.append(option);
    }
    select.addEventListener("change", () => this.choose(select.value));
  }
}
