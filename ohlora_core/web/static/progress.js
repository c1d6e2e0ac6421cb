// The list of interview topics (HTML made and escaped by the server), and the report as a file.
const list = element.querySelector('.progress-list');
const save = element.querySelector('.link-button');
let report = null;

function draw() {
  let value;
  try { value = JSON.parse(props.value || '{}'); } catch (error) { return; }
  list.innerHTML = value.html || '';
  report = value.report || null;
  save.hidden = !report;
  list.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
}

save.addEventListener('click', () => {
  const text = report[document.documentElement.dataset.lang === 'en' ? 'en' : 'ko'];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  link.download = 'oh-lora-interview.md';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

watch('value', draw);
draw();
