  // What can be done, and how: the actions, keys, clicks and links; and the beginning.

  function escape() {
    $('prompt').hidden = true;
    see.lit = null;
    see.found = [];
    say('');
    draw();
  }

  const actions = {
    'next': () => along(1),
    'back': () => along(-1),
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
    'find': () => ask('find'),
    'find-next': () => next(true),
    'find-previous': () => next(false),
    'filter': () => ask('filter'),
    'unfilter': () => filter(''),
    'compare': () => ask('compare'),
    'watch': () => ask('watch'),
    'unwatch': () => unwatch(see.watches.length - 1),
    'state': () => show('state'),
    'pending': () => show('pending'),
    'why': () => show('why'),
    'step': () => show('step'),
    'notes': () => show('notes'),
    'help': () => $('help').showModal(),
    'escape': escape,
  };

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
    if (!inPanel && (key === 'j' || key === 'Down')) { event.preventDefault(); return along(1); }
    if (!inPanel && (key === 'k' || key === 'Up')) { event.preventDefault(); return along(-1); }
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
    const unwatched = at('[data-unwatch]');
    if (unwatched) {
      unwatch(Number(unwatched.dataset.unwatch));
    } else if (fold) {
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
  $('prompt').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('prompt').querySelector('input').value.trim();
    document.activeElement.blur();
    $('prompt').hidden = true;
    prompts[asked][1](text);
  });
  // The step and the base that the address names.
  function linked() {
    const [, step, base] = /^#step=(\d{1,9})(?:&compare=(\d{1,9}))?$/.exec(location.hash) ?? [];
    if (step === undefined) return null;
    if (data.compared !== null) see.base = base === undefined ? see.base : clamp(Number(base) - data.first);
    return clamp(Number(step) - data.first);
  }
  window.addEventListener('hashchange', () => {
    const step = linked();
    if (step !== null) go(step);
  });

  // ---- beginning

  for (const [name, names, title] of data.actions) {
    $('help').querySelector('table').append(
      make('tr', '', make('td', '', ...names.map((key) => make('kbd', '', key))), make('td', '', title)));
  }
  const buttons = [['first', '|◀'], ['back', '◀'], ['next', '▶'], ['last', '▶|'], ['violation', '✗'], ['walk', '↖'],
    ['find', '/'], ['filter', '▽'], ['compare', '='], ['watch', '+'], ['help', '?']];
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
  names();
  document.documentElement.classList.add('js');
  go(linked() ?? data.violation);
})();
