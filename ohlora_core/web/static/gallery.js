// The faces to choose from: radio buttons with a thumbnail and a number.
const list = element.querySelector('.gallery-list');
const count = element.querySelector('.gallery-count');
const note = element.querySelector('.gallery-note');
const LABEL = props.face_label;

function spoken(number) {
  return ['ko', 'en'].map((lang, index) => {
    const text = document.createElement('span');
    text.className = `in-${lang}`;
    text.lang = lang;
    text.textContent = LABEL[index].replace('{number}', number);
    return text;
  });
}

// Only what comes into view is asked for: browsers load "lazy" pictures long before that.
const seen = new IntersectionObserver(entries => entries.filter(entry => entry.isIntersecting).forEach(({ target }) => {
  seen.unobserve(target);
  target.src = target.dataset.src;
}));

function option(face, chosen) {
  const label = document.createElement('label');
  const input = Object.assign(document.createElement('input'), {
    type: 'radio', name: 'face-number', value: face.number, checked: face.number === chosen,
  });
  input.addEventListener('change', () => trigger('choose', { face: face.number }));
  const image = Object.assign(document.createElement('img'), {
    alt: '', decoding: 'async', width: 80, height: 80,
  });
  image.dataset.src = face.url;
  seen.observe(image);
  // drawn on first use: until then the card shimmers
  image.addEventListener('load', () => label.classList.add('drawn'), { once: true });
  const number = document.createElement('span');
  number.className = 'gallery-number';
  number.setAttribute('aria-hidden', 'true');
  number.textContent = face.number;
  const name = document.createElement('span');
  name.className = 'sr-only';
  name.append(...spoken(face.number));
  label.append(input, image, number, name);
  return label;
}

function tell(told) {
  note.replaceChildren(...['ko', 'en'].filter(() => told).map(lang => {
    const text = document.createElement('span');
    text.className = `in-${lang}`;
    text.textContent = told[lang];
    return text;
  }));
}

function draw() {
  let value;
  try { value = JSON.parse(props.value); } catch (error) { return; }
  const urls = value.faces.map(face => face.url).join();
  if (list.dataset.urls !== urls) {
    list.dataset.urls = urls;
    list.replaceChildren(...value.faces.map(face => option(face, value.chosen)));
    count.textContent = value.faces.length;
  }
  list.querySelectorAll('input').forEach(input => { input.checked = Number(input.value) === value.chosen; });
  tell(value.told);
}

// Each time the drawer opens, the chosen face is in view.
new IntersectionObserver(entries => {
  const card = list.querySelector('label:has(:checked)');
  if (!card || !entries.some(entry => entry.isIntersecting)) return;
  list.scrollTop = card.offsetTop - (list.clientHeight - card.offsetHeight) / 2;
}).observe(list);

watch('value', draw);
draw();
