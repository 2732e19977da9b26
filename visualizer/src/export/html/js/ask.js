  // What is asked for with words: steps that fit, a step to compare with, fields to watch.

  function next(forward) {
    const { found } = see;
    if (!found.length) return say('nothing was looked for; / looks for something');
    const step = forward ? found.find((s) => s > see.step) ?? found[0]
      : found.findLast((s) => s < see.step) ?? found[found.length - 1];
    jump(step, '', (found.indexOf(step) + 1) + ' of ' + found.length + ' that fit');
  }
  // The steps that fit what is looked for, as the viewer understands it; or an error, which is a text.
  const KEYS = { type: 2, node: 3, from: 4, to: 5 };
  function has(text, word) {
    if (text === null) return false;
    return /\p{Lu}/u.test(word) ? text.includes(word) : text.toLowerCase().includes(word);
  }
  function term(word) {
    const [, key, value] = /^([^:]*):((?!:).*)$/s.exec(word) ?? [];
    if (key === undefined) {
      return ([sentence, fault, , , , , changed]) => [sentence, fault, ...changed].some((text) => has(text, word));
    }
    if (key === 'field') return (facts) => facts[6].some((path) => has(path, value));
    const place = KEYS[key];
    if (!place) throw new Error('`' + key + ':` is not known; possible: type: node: from: to: field: or /a pattern/');
    const called = data.nodes.filter((node) => place > 2 && node.short === value).map((node) => node.name);
    return (facts) => facts[place] === value || called.includes(facts[place]);
  }
  function fitting(text) {
    const pattern = /^\/(.+)\/$/s.exec(text);
    const regex = pattern ? new RegExp(pattern[1], 'u') : null;
    const terms = regex ? [(facts) => facts[2] !== null && regex.test(facts[0])] : text.split(/\s+/).map(term);
    const steps = data.steps.map((_, step) => step);
    return steps.filter((step) => terms.every((fits) => fits(data.steps[step].facts)));
  }
  function found(text) {
    if (!text) return [];
    try {
      const steps = fitting(text);
      if (!steps.length) say('no step fits ' + text);
      return steps;
    } catch (error) {
      say(error.message);
      return null;
    }
  }
  function find(text) {
    const steps = found(text);
    if (steps === null || (text && !steps.length)) return;
    see.found = steps;
    if (!text || steps.includes(see.step)) { say(text ? steps.length + ' steps fit' : ''); draw(); } else next(true);
  }
  function filter(text) {
    const steps = found(text);
    if (steps === null || (text && !steps.length)) return;
    see.filter = text ? { text, steps } : null;
    say(text ? steps.length + ' of ' + data.steps.length + ' steps fit ' + text : 'all steps are shown');
    draw();
  }

  // ---- comparing

  function compare(text) {
    if (text && !/^\d{1,9}$/.test(text)) return say('`' + text + '` is no step');
    if (text && data.compared === null) {
      return say('this trace is too long for a page to compare any two steps; `cargo lab show` does');
    }
    see.base = text ? clamp(Number(text) - data.first) : null;
    history.replaceState(null, '', address());
    show('state');
    say(see.base === null ? 'every step is compared with the one before' : 'every step is compared with step ' + number(see.base));
  }
  // What the tree of a node shows: its rows, and whether their marks are of this step.
  function shown(lane) {
    const states = data.states[lane];
    const at = (step) => states.findLastIndex(([other]) => other <= step);
    if (see.base === null) {
      const [step, rows] = states[at(see.step)];
      const fresh = step === see.step && step > 0;
      const when = step === 0 ? 'as at the start' : fresh ? 'changed at ' + number(step) : 'unchanged since ' + number(step);
      return { rows, fresh, when, none: 'nothing changed; H shows everything' };
    }
    const steps = [see.base, see.step].sort((a, b) => a - b);
    const [from, to] = steps.map(at);
    const when = 'from step ' + number(steps[0]) + ' to step ' + number(steps[1]);
    return { rows: from === to ? [] : data.compared[lane][from + ' ' + to], fresh: true, when, none: 'nothing differs' };
  }

  // ---- watching

  // A path without the signs of its kinds of parts: `log[3].term` is `log.3.term`.
  const parts = (path) => path.replace(/[[\].]+/g, '.').replace(/^\.|\.$/g, '');
  function fieldAt(lane, path, step) {
    const [, rows] = data.states[lane].findLast(([other]) => other <= step);
    const place = paths(rows).findIndex((other) => parts(other) === path);
    return place < 0 ? 'absent' : data.fields[rows[place]][4] ?? 'absent';
  }
  // The values of a watched thing: the steps at which it changes, with what it is from there on.
  function values(lane, path) {
    const all = [];
    for (const [step] of data.states[lane]) {
      const text = fieldAt(lane, path, step);
      if (!all.length || all[all.length - 1][1] !== text) all.push([step, text]);
    }
    return all;
  }
  for (const [text, all] of data.watches) see.watches.push({ text, values: all });
  function watch(text) {
    const [, name, rest] = /^([^.[]*)[.]?(.*)$/s.exec(text.trim());
    const fits = (node) => (name.endsWith('*') ? node.name.startsWith(name.slice(0, -1)) : [node.name, node.short].includes(name));
    const path = parts(rest);
    const known = (lane) => data.states[lane].some(([, rows]) => paths(rows).some((other) => parts(other) === path));
    const lanes = data.nodes.map((_, lane) => lane).filter((lane) => fits(data.nodes[lane]) && known(lane));
    if (!lanes.length) {
      return say('there is no field ' + text + '; a page watches fields, such as ' + example()
        + ', and what `cargo lab export --watch` gives it');
    }
    for (const lane of lanes) see.watches.push({ text: data.nodes[lane].name + '.' + rest, values: values(lane, path) });
    show('notes');
    say('');
  }
  function example() {
    const [, rows] = data.states[0][0];
    return data.nodes[0].name + (rows.length ? '.' + data.fields[rows[0]][2] : '');
  }
  function unwatch(place) {
    if (!see.watches.length) return say('nothing is watched; + watches a field');
    const [gone] = see.watches.splice(place, 1);
    say('no longer watched: ' + gone.text);
    draw();
  }
  function watched() {
    const list = make('ul', 'rows watched');
    see.watches.forEach(({ text, values: all }, place) => {
      const [since, value] = all.findLast(([step]) => step <= see.step);
      const button = make('button', '', '×');
      button.type = 'button';
      button.dataset.unwatch = place;
      button.setAttribute('aria-label', 'stop watching ' + text);
      const link = make('a', 'since', since === 0 ? 'since the start' : 'since ' + number(since));
      link.href = '#step=' + number(since);
      link.dataset.step = since;
      list.append(make('li', '', button, make('span', 'label', text), make('span', 'value', value), link));
    });
    return [make('h3', '', 'watched'), list];
  }

  // ---- asking for a text

  const prompts = {
    'find': ['find', find, () => ''],
    'filter': ['only steps that fit', filter, () => see.filter?.text ?? ''],
    'compare': ['compare with step (none: the one before)', compare, () => (see.base === null ? String(number(see.step)) : '')],
    'watch': ['watch a field', watch, () => data.nodes[see.node].name + '.' + (see.field ?? '')],
  };
  let asked = null;
  function ask(name) {
    asked = name;
    const [label, , begin] = prompts[name];
    $('prompt').hidden = false;
    $('prompt').querySelector('span').textContent = label;
    const input = $('prompt').querySelector('input');
    input.value = begin();
    input.focus();
    // What ends with a dot waits for the rest.
    input.setSelectionRange(input.value.endsWith('.') ? input.value.length : 0, input.value.length);
  }
