'use strict';
// Shows what `#data` says: which rows of which panel at which step. All text comes from there as text nodes; nothing in
// it is ever read as markup.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const last = data.steps.length - 1;
  const panels = ['state', 'pending', 'why', 'step', 'notes'];
  const keys = new Map();
  for (const [name, names] of data.actions) for (const key of names) keys.set(key, name);

  const see = {
    step: 0, panel: 'state', predicate: 0, node: 0, hide: false, lit: null,
    folds: new Map(), field: null, found: [], count: '', linking: 0,
  };

  // Elements: make('td', 'class', child, …); a child is an element or a text.
  function make(name, classes, ...children) {
    const element = document.createElement(name);
    if (classes) element.className = classes;
    element.append(...children);
    return element;
  }
  const number = (step) => data.first + step;
  const clamp = (step) => Math.max(0, Math.min(last, step));
  const say = (text) => { $('message').textContent = text; };

  // ---- moving

  function go(step, quiet) {
    see.step = clamp(step);
    const node = data.steps[see.step].node;
    if (node !== null && node !== undefined) look(node);
    if (!quiet) say('');
    // A browser refuses when the address changes too often, as while a key is held.
    clearTimeout(see.linking);
    see.linking = setTimeout(() => history.replaceState(null, '', '#step=' + number(see.step)), 150);
    draw();
  }
  function look(node) {
    if (see.node !== node) see.field = null;
    see.node = node;
  }
  function jump(step, none, text) {
    if (step === undefined || step === null || step < 0) return say(none);
    go(step, true);
    say(text || '');
  }
  const ofNode = (step) => data.steps[step].node;
  function sibling(forward) {
    const node = ofNode(see.step);
    if (node === null || node === undefined) return say('no node acts at the start');
    const steps = data.states[node].map(([step]) => step).filter((step) => step > 0);
    const next = forward ? steps.find((s) => s > see.step) : steps.reverse().find((s) => s < see.step);
    jump(next, data.nodes[node].name + ' has no ' + (forward ? 'later' : 'earlier') + ' step');
  }
  function flip(forward) {
    const row = data.predicates[see.predicate];
    const next = forward ? row.flips.find((s) => s > see.step) : [...row.flips].reverse().find((s) => s < see.step);
    jump(next, row.name + ' does not change at any ' + (forward ? 'later' : 'earlier') + ' step',
      next === undefined ? '' : row.name + (row.truth[next] === 't' ? ' becomes true' : ' becomes false'));
  }
  // What a step depends on (forward: what depends on it), with itself.
  function closure(of, forward) {
    const lit = new Set([of]);
    if (forward) {
      for (let step = of + 1; step <= last; step += 1) {
        if (of === 0 || data.steps[step].causes.some((cause) => lit.has(cause))) lit.add(step);
      }
    } else {
      for (let step = of; step > 0; step -= 1) {
        if (lit.has(step)) data.steps[step].causes.forEach((cause) => lit.add(cause));
      }
    }
    return lit;
  }
  function light(kind, forward) {
    if (see.lit && see.lit.kind === kind && see.lit.of === see.step) {
      see.lit = null;
      say('all steps are alike again');
    } else {
      const steps = closure(see.step, forward);
      see.lit = { kind, of: see.step, steps };
      const others = [...steps].filter((step) => step > 0 && step !== see.step).length;
      say(others + ' other steps ' + (forward ? 'depend on this one' : 'this one depends on'));
    }
    draw();
  }
  function chain() {
    const steps = new Set();
    for (let step = see.step; step !== null && step !== undefined; step = data.steps[step].walk) steps.add(step);
    see.lit = { kind: 'chain', of: see.step, steps };
    say('chain of causes: ' + [...steps].map(number).join(' < '));
    draw();
  }
  function show(panel) {
    see.panel = panel;
    draw();
  }
  function next(forward) {
    const { found } = see;
    if (!found.length) return say('nothing was looked for; / looks for something');
    const step = forward
      ? found.find((s) => s > see.step) ?? found[0]
      : [...found].reverse().find((s) => s < see.step) ?? found[found.length - 1];
    go(step, true);
    say((found.indexOf(step) + 1) + ' of ' + found.length + ' steps found');
  }
  function find(text) {
    const wanted = text.toLowerCase();
    const says = (ids) => ids.some((id) => data.rows[id][1].some((span) => span[1].toLowerCase().includes(wanted)));
    see.found = !wanted ? [] : data.steps.map((_, step) => step)
      .filter((step) => data.steps[step].text.toLowerCase().includes(wanted) || says(data.steps[step].step));
    if (!wanted) { say(''); draw(); return; }
    if (!see.found.length) { say('no step has ' + text); draw(); return; }
    if (see.found.includes(see.step)) { say(see.found.length + ' steps found'); draw(); } else next(true);
  }
  // The next state of the node in which the field that is selected changes.
  function change(forward) {
    const path = see.field;
    const changes = data.states[see.node].filter(([step, rows]) => step > 0 && (path === null
      || paths(rows).some((p, i) => p === path && data.fields[rows[i]][1] !== ' '))).map(([step]) => step);
    const found = forward ? changes.find((s) => s > see.step) : changes.reverse().find((s) => s < see.step);
    const what = path === null ? data.nodes[see.node].name : path;
    jump(found, 'no step ' + (forward ? 'after' : 'before') + ' this one changes ' + what);
    if (found !== undefined) { see.field = path; draw(); }
  }
  function escape() {
    if (!$('find').hidden) $('find').hidden = true;
    see.lit = null;
    see.found = [];
    say('');
    draw();
  }

  const actions = {
    'next': () => go(see.step + 1),
    'back': () => go(see.step - 1),
    'go': () => go(see.count === '' ? 0 : Number(see.count) - data.first),
    'last': () => go(last),
    'first': () => go(0),
    'violation': () => go(data.violation),
    'walk': () => jump(data.steps[see.step].walk, 'nothing before this step caused it'),
    'chain': chain,
    'past': () => light('past', false),
    'future': () => light('future', true),
    'other-end': () => {
      const { sent, arrives } = data.steps[see.step];
      if (sent !== null) jump(sent, '', 'where it was sent');
      else jump(arrives, 'nothing that was sent here arrives', 'where the first of the messages arrives');
    },
    'next-of-node': () => sibling(true),
    'previous-of-node': () => sibling(false),
    'next-flip': () => flip(true),
    'previous-flip': () => flip(false),
    'predicate': () => { see.predicate = (see.predicate + 1) % data.predicates.length; draw(); },
    'next-change': () => change(true),
    'previous-change': () => change(false),
    'next-node': () => { look((see.node + 1) % data.nodes.length); show('state'); },
    'previous-node': () => { look((see.node + data.nodes.length - 1) % data.nodes.length); show('state'); },
    'hide-unchanged': () => { see.hide = !see.hide; show('state'); },
    'find': () => { $('find').hidden = false; $('find').querySelector('input').select(); },
    'find-next': () => next(true),
    'find-previous': () => next(false),
    'state': () => show('state'),
    'pending': () => show('pending'),
    'why': () => show('why'),
    'step': () => show('step'),
    'notes': () => show('notes'),
    'help': () => $('help').showModal(),
    'escape': escape,
  };

  // ---- drawing

  function spans(parts) {
    return parts.map(([role, text]) => make('span', role, text));
  }
  function rowsOf(ids) {
    const list = make('ul', 'rows');
    for (const id of ids) {
      const [indent, parts, target] = data.rows[id];
      const item = make('li', 'in' + Math.min(indent, 9));
      if (target === null) {
        item.append(...spans(parts));
      } else {
        const link = make('a', '', ...spans(parts));
        link.href = '#step=' + number(target);
        link.dataset.step = target;
        item.append(link);
      }
      list.append(item);
    }
    return list;
  }
  function paths(rows) {
    const stack = [];
    return rows.map((id) => {
      const [depth, , label] = data.fields[id];
      stack.length = depth;
      stack.push(label);
      return stack.join('.');
    });
  }
  function tree(lane) {
    const node = data.nodes[lane];
    const states = data.states[lane];
    const [at, rows] = [...states].reverse().find(([step]) => step <= see.step);
    const fresh = at === see.step && at > 0;
    const when = at === 0 ? 'as at the start' : fresh ? 'changed at ' + number(at) : 'unchanged since ' + number(at);
    const head = make('h3', '', make('span', 'node', node.name), ': ' + node.type + ' ', make('span', 'dim', when));
    const list = make('ul', 'tree');
    list.dataset.lane = lane;
    const all = paths(rows);
    let closed = Infinity;
    rows.forEach((id, i) => {
      const [depth, mark, label, before, after, since, parts] = data.fields[id];
      const sign = fresh ? mark : ' ';
      if (depth > closed || (!fresh && after === null)) return;
      closed = Infinity;
      if (see.hide && sign === ' ') return;
      const key = lane + ' ' + all[i];
      const whole = sign !== '~' || before !== null;
      const open = parts && (see.folds.get(key) ?? !whole);
      if (parts && !open) closed = depth;
      const word = { '+': 'added', '-': 'removed', '~': 'changed' }[sign] ?? '';
      const item = make('li', word + ' d' + Math.min(depth, 9));
      item.dataset.path = all[i];
      if (lane === see.node && all[i] === see.field) item.classList.add('selected');
      item.append(make('span', 'sign', sign));
      if (parts) {
        const button = make('button', 'fold', open ? '▾' : '▸');
        button.type = 'button';
        button.dataset.fold = key;
        button.dataset.open = open ? '1' : '';
        button.setAttribute('aria-expanded', open ? 'true' : 'false');
        button.setAttribute('aria-label', label);
        item.append(button);
      } else {
        item.append(make('span', 'fold', ''));
      }
      item.append(make('span', 'name', label));
      const value = make('span', 'value');
      if (fresh && before !== null) {
        value.append(make('del', '', before));
        if (after !== null) value.append(' → ', make('ins', '', after));
      } else if (!open && after !== null) {
        value.append(after);
      }
      item.append(value);
      if (since > 0) item.append(make('span', 'since', 'since ' + number(since)));
      list.append(item);
    });
    if (!list.children.length) list.append(make('li', 'dim', 'nothing changed; H shows everything'));
    return [head, list];
  }
  function panel() {
    const box = $('panel');
    box.replaceChildren();
    const here = data.steps[see.step];
    if (see.panel === 'state') {
      const lanes = data.nodes.map((_, lane) => lane).filter((lane) => lane !== see.node);
      [see.node, ...lanes].forEach((lane) => box.append(...tree(lane)));
    } else if (see.panel === 'pending') {
      box.append(rowsOf(here.pending));
    } else if (see.panel === 'why') {
      box.append(rowsOf(data.predicates[see.predicate].why));
    } else if (see.panel === 'step') {
      box.append(rowsOf(here.step));
    } else {
      box.append(rowsOf(data.notes));
    }
    for (const name of panels) {
      const tab = $('tab-' + name);
      tab.setAttribute('aria-selected', name === see.panel ? 'true' : 'false');
      tab.tabIndex = name === see.panel ? 0 : -1;
    }
    box.setAttribute('aria-labelledby', 'tab-' + see.panel);
  }
  const SIGNS = { t: '✓', f: '✗', '?': '?' };
  function cell(row, step) {
    const truth = row.truth[step];
    return row.must ? SIGNS[truth] : { t: '+', f: '-', '?': '?' }[truth];
  }
  function strip() {
    const box = $('strip');
    if (!box.children.length) {
      data.predicates.forEach((row, place) => {
        const line = make('div', 'predicate');
        const name = make('button', 'name', row.name);
        name.type = 'button';
        name.title = row.kind;
        name.dataset.predicate = place;
        const cells = make('span', 'cells');
        cells.setAttribute('role', 'img');
        for (let step = 0; step <= last; step += 1) {
          const bad = row.must && row.truth[step] === 'f';
          const one = make('span', bad ? 'bad' : row.must && row.truth[step] === 't' ? 'good' : '', cell(row, step));
          one.dataset.step = step;
          one.title = number(step) + ': ' + { t: 'true', f: 'false', '?': 'not known' }[row.truth[step]];
          cells.append(one);
        }
        const flips = row.flips.map((s) => (row.truth[s] === 't' ? 'true' : 'false') + ' from step ' + number(s));
        const begin = { t: 'true', f: 'false', '?': 'not known' }[row.truth[0]];
        cells.setAttribute('aria-label', [begin + ' at step ' + number(0), ...flips].join(', '));
        line.append(make('span', 'sign', ''), name, cells);
        box.append(line);
      });
    }
    [...box.children].forEach((line, place) => {
      const row = data.predicates[place];
      const [sign, name, cells] = line.children;
      const bad = row.must && row.truth[see.step] === 'f';
      sign.textContent = cell(row, see.step);
      sign.className = 'sign ' + (bad ? 'bad' : row.must && row.truth[see.step] === 't' ? 'good' : '');
      name.setAttribute('aria-pressed', place === see.predicate ? 'true' : 'false');
      cells.querySelector('.here')?.classList.remove('here');
      cells.children[see.step].classList.add('here');
    });
  }
  const marked = (selector) => document.querySelectorAll('#scroll ' + selector);
  function trace() {
    for (const element of marked('[data-step]')) {
      const step = Number(element.dataset.step);
      element.classList.toggle('selected', step === see.step);
      element.classList.toggle('faint', see.lit !== null && !see.lit.steps.has(step));
      element.classList.toggle('lit', see.lit !== null && see.lit.steps.has(step));
      element.classList.toggle('found', see.found.includes(step));
    }
    const link = document.querySelector('#labels a.selected');
    link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    for (const other of marked('#labels a')) {
      if (other === link) other.setAttribute('aria-current', 'step');
      else other.removeAttribute('aria-current');
    }
  }
  function draw() {
    const here = data.steps[see.step];
    $('here').replaceChildren(
      make('strong', '', 'step ' + number(see.step) + ' of ' + number(last)), ' ', here.text);
    strip();
    panel();
    trace();
  }

  // ---- listening

  function keyName(event) {
    const names = { ArrowRight: 'Right', ArrowLeft: 'Left', ArrowDown: 'Down', ArrowUp: 'Up', Escape: 'Esc', ' ': 'Space' };
    return names[event.key] ?? event.key;
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || $('help').open) return;
    const typing = event.target instanceof HTMLInputElement;
    const key = keyName(event);
    if (typing && key !== 'Esc') return;
    const inPanel = $('side').contains(event.target);
    if (!inPanel && (key === 'j' || key === 'Down')) { event.preventDefault(); return go(see.step + 1); }
    if (!inPanel && (key === 'k' || key === 'Up')) { event.preventDefault(); return go(see.step - 1); }
    if (event.target.getAttribute?.('role') === 'tab' && (key === 'Left' || key === 'Right')) {
      const place = panels.indexOf(see.panel) + (key === 'Right' ? 1 : panels.length - 1);
      show(panels[place % panels.length]);
      $('tab-' + see.panel).focus();
      event.preventDefault();
      return;
    }
    const digit = /^[0-9]$/.test(key);
    const name = keys.get(key);
    if (name) {
      event.preventDefault();
      actions[name]();
    }
    see.count = digit ? (see.count + key).slice(0, 9) : '';
  });
  document.addEventListener('click', (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const fold = at('[data-fold]');
    const predicate = at('[data-predicate]');
    const tab = at('[data-panel]');
    const action = at('[data-action]');
    const step = at('[data-step]');
    const field = at('li[data-path]');
    if (fold) {
      const key = fold.dataset.fold;
      see.folds.set(key, !fold.dataset.open);
      panel();
      [...document.querySelectorAll('[data-fold]')].find((other) => other.dataset.fold === key)?.focus();
    } else if (predicate) {
      see.predicate = Number(predicate.dataset.predicate);
      show('why');
    } else if (tab) {
      show(tab.dataset.panel);
    } else if (action) {
      actions[action.dataset.action]();
    } else if (step) {
      event.preventDefault();
      go(Number(step.dataset.step));
    } else if (field) {
      look(Number(field.parentElement.dataset.lane));
      see.field = see.field === field.dataset.path ? null : field.dataset.path;
      panel();
    }
  });
  $('find').addEventListener('submit', (event) => {
    event.preventDefault();
    find($('find').querySelector('input').value);
    document.activeElement.blur();
  });
  function linked() {
    const found = /^#step=(\d{1,9})$/.exec(location.hash);
    return found ? clamp(Number(found[1]) - data.first) : null;
  }
  window.addEventListener('hashchange', () => {
    const step = linked();
    if (step !== null && step !== see.step) go(step);
  });

  // ---- beginning

  for (const [name, names, title] of data.actions) {
    $('help').querySelector('table').append(
      make('tr', '', make('td', '', ...names.map((key) => make('kbd', '', key))), make('td', '', title)));
  }
  const buttons = [['first', '|◀'], ['back', '◀'], ['next', '▶'], ['last', '▶|'], ['violation', '✗'], ['walk', '↖'], ['help', '?']];
  for (const [name, sign] of buttons) {
    const [, names, title] = data.actions.find(([other]) => other === name);
    const button = make('button', '', sign);
    button.type = 'button';
    button.dataset.action = name;
    button.title = title + ' (' + names.join(', ') + ')';
    button.setAttribute('aria-label', title);
    $('buttons').append(button);
  }
  for (const id of ['strip', 'side', 'bar']) $(id).hidden = false;
  document.documentElement.classList.add('js');
  go(linked() ?? data.violation);
})();
