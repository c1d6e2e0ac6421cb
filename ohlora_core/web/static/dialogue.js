// Shows a dialogue log (web/dialogue.py). Only what changed is redrawn; every text is set as text.
const root = element.querySelector('.dialogue');
const list = element.querySelector('.dialogue-log');
const live = element.querySelector('[aria-live=polite]');
const LABELS = props.texts;
const IDLE = props.idle_s;
let shown = [], timer = 0, first = true;

function node(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

function inBoth([korean, english]) {
  if (korean === english) return node('span', '', korean);
  const ko = node('span', 'in-ko', korean), en = node('span', 'in-en', english);
  ko.lang = 'ko'; en.lang = 'en';
  return node('span', '', ko, en);
}
const label = key => inBoth(LABELS[key]);
const words = text => typeof text === 'string' ? document.createTextNode(text) : inBoth([text.ko, text.en]);

function sources(message) {
  if (!message.sources || !message.sources.length) return null;
  const items = message.sources.map(([text, score]) => {
    const value = node('span', 'cosine', label('qna.cosine'), ` ${Number(score).toFixed(2)}`);
    return node('li', '', node('span', '', text), value);
  });
  return node('div', 'extra', node('p', 'extra-title', label('qna.sources')), node('ol', 'sources', ...items));
}

function grade(message) {
  if (message.grade === undefined || message.grade === null) return null;
  const score = node('div', 'grade', node('strong', '', String(message.grade)), label('quiz.score'));
  score.style.setProperty('--grade', message.grade);
  return node('div', 'grade-row', score, node('span', 'muted', label('quiz.score.note')));
}

function modelAnswer(message) {
  if (!message.model_answer || message.pending) return null;
  return node('div', 'extra', node('p', 'extra-title', label('quiz.model_answer')), node('p', '', message.model_answer));
}

function memory(message) {
  const chips = ['memory_used', 'memory_added'].filter(key => message[key]).map(key =>
    node('span', `chip ${key}`, label(`chat.${key}`), ' ', message[key].replace(/^\[|\]$/g, '')));
  return chips.length ? node('div', 'chips', ...chips) : null;
}

function bubble(message) {
  const text = node('div', 'bubble-text');
  if (message.pending && !message.text) {
    const dots = node('span', 'dots', node('i'), node('i'), node('i'));
    dots.setAttribute('aria-hidden', 'true');
    text.append(dots, node('span', 'sr-only', label('typing')));
  } else text.append(words(message.text || ''));
  const who = { user: 'you', her: 'her', notice: 'notice' }[message.role] || 'notice';
  const made = node('article', `message ${message.role}`, node('span', 'sr-only', label(who), ': '),
    node('div', 'bubble', grade(message), text, modelAnswer(message), sources(message)), memory(message));
  made.dataset.state = message.pending ? 'pending' : 'done';
  if (message.role === 'notice') made.dataset.kind = message.kind || 'info';
  return made;
}

function announce(message) {
  live.replaceChildren(words(message.text || ''));
}

function draw() {
  let log;
  try { log = JSON.parse(props.value || '[]'); } catch (error) { return; }
  const near = root.scrollHeight - root.scrollTop - root.clientHeight < 120;
  const grew = log.length > shown.length;
  log.forEach((message, index) => {
    const state = JSON.stringify(message);
    if (shown[index] === state) return;
    const made = bubble(message), old = list.children[index];
    if (old) old.replaceWith(made); else list.append(made);
    if (old || first) made.classList.add('still');
    if (!first && message.role !== 'user' && !message.pending) announce(message);
    shown[index] = state;
  });
  while (list.children.length > log.length) list.lastElementChild.remove();
  shown.length = log.length;
  element.dataset.empty = log.length ? 'no' : 'yes';
  element.dataset.pending = log.some(message => message.pending) ? 'yes' : 'no';
  if (near || grew) root.scrollTop = root.scrollHeight;
  if (!first && log.length) restartIdle(log[log.length - 1]);
  first = false;
}

// After a silence she ends the conversation herself: the delay is drawn here, the text comes from
// the server.
function restartIdle(last) {
  clearTimeout(timer);
  if (!IDLE || last.key === 'idle_end') return;
  const extra = -Math.log(1 - Math.random()) * IDLE[1];
  timer = setTimeout(() => trigger('idle'), 1000 * (IDLE[0] + extra));
}
document.addEventListener('input', () => {
  const log = shown.length ? JSON.parse(shown[shown.length - 1]) : null;
  if (log) restartIdle(log);
});

watch('value', draw);
draw();
