  // Draws what is looked at.

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
    const { rows, fresh, when, none } = shown(lane);
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
    if (!list.children.length) list.append(make('li', 'dim', none));
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
      if (see.watches.length) box.append(...watched());
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
      const here = cells.children[see.step];
      here.classList.add('here');
      // All predicates show the same steps.
      cells.scrollLeft = here.offsetLeft - cells.clientWidth / 2;
    });
  }
  // The names of the nodes, which stay in sight.
  function names() {
    const box = make('div', '');
    box.id = 'names';
    box.setAttribute('aria-hidden', 'true');
    for (const name of document.querySelectorAll('#scroll svg .name')) {
      // Without its title, which is a part of it.
      const copy = make('span', '', [...name.childNodes].filter((part) => part.nodeType === 3).map((part) => part.textContent).join(''));
      copy.style.left = name.getAttribute('x') + 'px';
      box.append(copy);
    }
    $('trace').prepend(box);
  }
  const marked = (selector) => document.querySelectorAll('#trace ' + selector);
  // Instead of the drawing the steps that fit the filter.
  function listed() {
    $('scroll').hidden = see.filter !== null;
    $('listed').hidden = see.filter === null;
    $('names').hidden = see.filter !== null;
    const items = (see.filter?.steps ?? []).map((step) => {
      const link = make('a', step === data.violation && data.bad ? 'bad' : '',
        make('span', 'number', String(number(step))), make('span', '', data.steps[step].facts[0]));
      link.href = '#step=' + number(step);
      link.dataset.step = step;
      return make('li', '', link);
    });
    $('listed').replaceChildren(...items);
  }
  function trace() {
    listed();
    for (const element of marked('[data-step]')) {
      const step = Number(element.dataset.step);
      element.classList.toggle('selected', step === see.step);
      element.classList.toggle('faint', see.lit !== null && !see.lit.steps.has(step));
      element.classList.toggle('lit', see.lit !== null && see.lit.steps.has(step));
      element.classList.toggle('found', see.found.includes(step));
    }
    for (const list of ['#labels', '#listed']) {
      document.querySelector(list + ' a.selected')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    for (const other of marked('a')) {
      if (other.classList.contains('selected')) other.setAttribute('aria-current', 'step');
      else other.removeAttribute('aria-current');
    }
  }
  function draw() {
    const here = data.steps[see.step];
    $('here').replaceChildren(
      make('strong', '', 'step ' + number(see.step) + ' of ' + number(last)), ' ', here.facts[0]);
    strip();
    panel();
    trace();
  }
