// The drawer of memories: each can be deleted, all can be saved as a file without asking the server.
const list = element.querySelector('.memory-list');
const save = element.querySelector('.link-button');
let memories = [];

function item(memory) {
  const row = document.createElement('li');
  const [key, ...rest] = memory.text.replace(/^\[|\]$/g, '').split(':');
  const what = document.createElement('span');
  if (rest.length) {
    const name = document.createElement('strong');
    name.textContent = key.trim();
    what.append(name, ' ', rest.join(':').trim());
  } else what.textContent = key;
  const day = document.createElement('time');
  day.dateTime = memory.created_at;
  day.textContent = new Date(memory.created_at).toLocaleDateString(document.documentElement.dataset.lang || 'ko');
  const remove = document.createElement('button');
  remove.type = 'button';
  remove.className = 'icon-button';
  remove.textContent = '✕';
  remove.ariaLabel = `${list.dataset.deleteLabel}: ${memory.text}`;
  remove.addEventListener('click', () => trigger('delete', { id: memory.id }));
  row.append(what, day, remove);
  return row;
}

function draw() {
  try { memories = JSON.parse(props.value || '[]'); } catch (error) { return; }
  list.replaceChildren(...memories.map(item));
  element.dataset.empty = memories.length ? 'no' : 'yes';
}

save.addEventListener('click', () => {
  const file = new Blob([JSON.stringify(memories, null, 2)], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = 'oh-lora-memories.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

watch('value', draw);
draw();
