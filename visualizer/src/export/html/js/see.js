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
    base: null, filter: null, watches: [],
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
    see.linking = setTimeout(() => history.replaceState(null, '', address()), 150);
    draw();
  }
  function address() {
    return '#step=' + number(see.step) + (see.base === null ? '' : '&compare=' + number(see.base));
  }
  // The next of the steps that are listed.
  function along(by) {
    if (see.filter === null) return go(see.step + by);
    const { steps } = see.filter;
    const next = by > 0 ? steps.find((s) => s > see.step) : steps.findLast((s) => s < see.step);
    if (next !== undefined) go(next);
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
