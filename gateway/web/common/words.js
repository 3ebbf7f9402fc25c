// What the pages say, in the reader's language. A catalogue is { key: [English, Japanese, Chinese] }.

export const LANGUAGES = { en: "English", ja: "日本語", zh: "中文" };
/** What several pages say. */
const COMMON = {
  language: ["Language", "言語", "语言"],
  "login.button": ["Log in", "ログイン", "登录"],
  "login.wrong": ["This key isn't valid.", "このキーは無効です。", "此密钥无效。"],
  "login.unreachable": ["The gateway can't be reached.", "ゲートウェイに接続できません。", "无法连接到网关。"],
  "presence.available": ["Available", "受付可", "可接听"],
  "line.lost": ["Reconnecting …", "再接続中…", "正在重新连接…"],
  "state.on_call": ["On a call", "通話中", "通话中"],
  "call.talking": ["Talking", "通話中", "通话中"],
  "call.unattended": ["Being transferred", "転送中", "转接中"],
  "call.conference": ["Conference", "三者通話", "三方通话"],
  queues: ["Queues", "キュー", "队列"],
  queue: ["Queue", "キュー", "队列"],
  callbacks: ["Callbacks", "コールバック", "回呼"],
  logout: ["Log out", "ログアウト", "退出"],
};
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
    this.#catalogue = { ...COMMON, ...catalogue };
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
    this.addEventListener("change", () => (select.value = this.language));
    select.addEventListener("change", () => this.choose(select.value));
  }
}
