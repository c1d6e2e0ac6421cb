// The faces to choose from, as radio buttons with a thumbnail and a number.
const list = element.querySelector('.gallery-list');

function option(face, chosen) {
  const label = document.createElement('label');
  const input = Object.assign(document.createElement('input'), {
    type: 'radio', name: 'face-number', value: face.number, checked: face.number === chosen,
  });
  input.addEventListener('change', () => trigger('choose', { face: face.number }));
  const image = Object.assign(document.createElement('img'), {
    src: face.url, alt: '', loading: 'lazy', width: 72, height: 72,
  });
  const number = document.createElement('span');
  number.textContent = `#${face.number}`;
  label.append(input, image, number);
  return label;
}

function draw() {
  let value;
  try { value = JSON.parse(props.value); } catch (error) { return; }
  const numbers = value.faces.map(face => face.number).join();
  if (list.dataset.numbers !== numbers) {
    list.dataset.numbers = numbers;
    list.replaceChildren(...value.faces.map(face => option(face, value.chosen)));
  }
  list.querySelectorAll('input').forEach(input => { input.checked = Number(input.value) === value.chosen; });
}

watch('value', draw);
draw();
