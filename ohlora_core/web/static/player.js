// Plays streamed frames of a reply over the resting face (design/ui.md). Its speed follows the rate
// at which frames arrive, at most 24 fps: a slow server means slower motion, never stutter.
const figure = element.querySelector('.face');
const rests = element.querySelectorAll('.face-rest');
const canvas = element.querySelector('.face-talk');
const pen = canvas.getContext('2d');

const MAX_FPS = 24, MIN_FPS = 6, PREBUFFER = 3, SLOW_PREBUFFER = 8, PLENTY = 8, NEAR_FPS = 18;
const player = {
  gen: 0, seq: 0, queue: [], ended: false, playing: false,
  fps: MAX_FPS, arrived: 0, firstArrival: 0, due: 0,
  painted: 0, lost: 0, underruns: 0, paints: [],
};
let decoding = Promise.resolve();
let restJob = 0, restUrl = '', loading = new AbortController();

const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const idle = () => { player.playing = false; figure.dataset.state = 'rest'; };

function drop(gen) {
  player.queue.forEach(frame => frame.close());
  Object.assign(player, { gen, seq: 0, queue: [], ended: false, arrived: 0, playing: false });
}

// Frames per second at which frames arrive; the first batch only starts the clock.
function measure(count, now) {
  if (!player.arrived) player.firstArrival = now;
  else {
    const rate = 1000 * (player.arrived + count - player.first) / (now - player.firstArrival);
    player.rate = Math.min(Math.max(rate, MIN_FPS), 4 * MAX_FPS);
  }
  if (!player.arrived) player.first = count;
  player.arrived += count;
}

async function take(message) {
  measure((message.f || []).length, performance.now());
  const jpegs = (message.f || []).map(text => new Blob([bytes(text)], { type: 'image/jpeg' }));
  for (const frame of await Promise.all(jpegs.map(jpeg => createImageBitmap(jpeg)))) {
    if (message.gen !== player.gen || document.hidden) { frame.close(); continue; }
    player.queue.push(frame);
  }
  if (message.end && message.gen === player.gen) player.ended = true;
}

// Two pictures take turns, so that every change of the resting face is a cross-fade.
function swap(url) {
  const [front, back] = rests[0].classList.contains('shown') ? rests : [rests[1], rests[0]];
  return new Promise((done, failed) => {
    back.onload = () => { back.classList.add('shown'); front.classList.remove('shown'); done(); };
    back.onerror = failed;
    back.src = url;
  });
}

// The still at once; the loop when it has been made and loaded. A loop with cycling colours starts
// again where the wall clock begins a period, so that its colour agrees with that of a reply.
async function showRest({ face, still, loop, period_s }) {
  const job = ++restJob;
  document.querySelectorAll('.face-number').forEach(number => { number.textContent = `#${face}`; });
  loading.abort();  // the server need not make what nobody waits for
  loading = new AbortController();
  const { signal } = loading;
  figure.dataset.loop = 'no';
  try {
    await swap(still);
    if (!loop || job !== restJob) return;
    const answer = await fetch(loop, { signal });
    if (!answer.ok) return;
    const picture = await answer.blob();
    const show = async () => {
      if (job !== restJob) return;
      const old = restUrl;
      restUrl = URL.createObjectURL(picture);
      await swap(restUrl);
      if (old) setTimeout(() => URL.revokeObjectURL(old), 2000);
      figure.dataset.loop = 'yes';
    };
    await show();
    if (period_s) setTimeout(show, 1000 * (period_s - (Date.now() / 1000) % period_s));
  } catch (error) { if (!signal.aborted) console.warn('resting face:', error); }
}

watch('value', () => {
  let message;
  try { message = JSON.parse(props.value); } catch (error) { return; }
  if (message.gen < player.gen) return;
  if (message.rest) { showRest(message.rest); return; }
  if (message.stop) { drop(message.gen); idle(); return; }
  if (message.gen !== player.gen) { const talking = player.playing; drop(message.gen); player.playing = talking; player.due = 0; }
  if (message.seq <= player.seq) return;
  player.lost += message.seq - player.seq - 1;
  player.seq = message.seq;
  decoding = decoding.then(() => take(message)).catch(error => console.warn('frame:', error));
});

function ready() {
  const slow = (player.rate || MAX_FPS) < NEAR_FPS;
  return player.queue.length >= (slow ? SLOW_PREBUFFER : PREBUFFER) || (player.ended && player.queue.length);
}

// A full queue bridges a short wait; when frames come much too slowly it only puts a stutter off.
function wanted() {
  const rate = player.rate || MAX_FPS;
  if (player.ended || (player.queue.length >= PLENTY && rate >= NEAR_FPS)) return MAX_FPS;
  return Math.min(MAX_FPS, 0.95 * rate);
}

function tick(now) {
  requestAnimationFrame(tick);
  if (!player.due) {
    if (!ready()) return;
    player.fps = wanted();
    player.due = now;
    player.playing = true;
    figure.dataset.state = 'talk';
  }
  if (now < player.due - 2) return;
  const frame = player.queue.shift();
  if (!frame) {
    player.due = 0;
    if (player.ended) { player.ended = false; idle(); } else if (player.playing) player.underruns += 1;
    return;
  }
  pen.drawImage(frame, 0, 0, canvas.width, canvas.height);
  frame.close();
  player.painted += 1;
  player.paints.push(now);
  if (player.paints.length > 600) player.paints.splice(0, 300);
  player.fps += (wanted() - player.fps) * 0.1;
  player.due = Math.max(player.due + 1000 / player.fps, now - 100);
}
requestAnimationFrame(tick);

document.addEventListener('visibilitychange', () => {
  if (document.hidden) { drop(player.gen); player.seq = Infinity; player.due = 0; idle(); }
});

// Silence at once, without asking the server: late chunks of this reply are dropped.
player.flush = () => { drop(player.gen + 1); player.due = 0; idle(); };
window.ohlora = { ...(window.ohlora || {}), player };
