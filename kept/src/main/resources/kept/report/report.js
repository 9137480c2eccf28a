'use strict';
(() => {
  const numbers = JSON.parse(document.getElementById('numbers').textContent);
  const plots = [];

  const colour = name => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const significant = value => {
    if (value == null) return '';
    if (value === 0) return '0';
    const size = Math.abs(value);
    return size < 1e-4 || size >= 1e6 ? value.toExponential(2) : value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
  };
  // Ticks are round numbers: no zeros behind them.
  const tick = value => value === 0 ? '0' : Math.abs(value) < 1e-3 ? value.toExponential().replace('e-', 'e−') : String(+value.toPrecision(4));
  const count = value => value == null ? '' : value.toLocaleString('en');
  const shortCount = value => value >= 1e9 ? +(value / 1e9).toFixed(2) + 'G' : value >= 1e6 ? +(value / 1e6).toFixed(2) + 'M'
    : value >= 1e3 ? +(value / 1e3).toFixed(1) + 'k' : String(value);

  const axis = options => ({
    stroke: colour('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1, size: 4 },
    ...options
  });

  const sizeIn = place => ({ width: place.clientWidth, height: Math.round(Math.min(300, Math.max(220, place.clientWidth * 0.55))) });

  // Style sheets follow the theme by themselves: a legend is no canvas.
  const legend = {
    markers: {
      width: 0,
      fill: (plot, i) => `color-mix(in srgb, var(${plot.series[i].ink}) ${100 * (plot.series[i].alpha ?? 1)}%, transparent)`
    }
  };
  const ink = name => ({ ink: name, stroke: colour(name) });

  const draw = (name, options, data) => {
    const place = document.querySelector(`[data-chart="${name}"]`);
    if (!place) return;
    const plot = new uPlot({ ...sizeIn(place), legend, ...options }, data, place);
    plots.push(plot);
    new ResizeObserver(() => {
      if (place.clientWidth > 0 && place.clientWidth !== plot.width) plot.setSize(sizeIn(place));
    }).observe(place);
  };

  // Each value becomes the mean of those around it, as far as there are any.
  const smooth = (values, reach) => values.map((_, i) => {
    const around = values.slice(Math.max(0, i - reach), i + reach + 1).filter(value => value != null);
    return around.length ? around.reduce((sum, value) => sum + value, 0) / around.length : null;
  });

  // From zero, unless that would press the curve flat.
  const linearRange = (_, low, high) => uPlot.rangeNum(low > high / 3 ? low : Math.min(0, low), high, 0.1, true);

  // scale: 'linear', 'log' where all values are positive, or 'auto', which is logarithmic where the values differ much. A curve of a linear scale is not noisy.
  const curve = (name, label, inkName, scale, steps = numbers.steps, key = name) => {
    if (!steps) return;
    const values = steps[key];
    const positive = values.filter(value => value > 0);
    const place = document.querySelector(`[data-chart="${name}"]`);
    if (!place) return;
    if (!values.some(value => value != null)) {
      place.closest('figure').remove();
      return;
    }
    const logarithmic = scale !== 'linear' && positive.length === values.filter(value => value != null).length
      && (scale === 'log' || Math.max(...positive) / Math.min(...positive) > 8);
    const reach = scale !== 'linear' && values.length >= 80 ? Math.ceil(values.length / 100) : 0;
    // With the cursor elsewhere, a legend shows where the curve ended.
    const orLast = format => (plot, value, i) => format(value ?? plot?.data[i].at(-1));
    const series = [{ label: 'tokens', value: orLast(count) }];
    const line = { ...ink(inkName), width: 2, points: { show: values.length < 30, fill: colour('--card') }, value: orLast(significant) };
    const data = [steps.tokens];
    if (reach > 0) {
      series.push({ ...line, label: label + ' of a step', width: 1, alpha: 0.4 });
      data.push(values);
      series.push({ ...line, label: `mean of ${2 * reach + 1} steps` });
      data.push(smooth(values, reach));
    } else {
      series.push({ ...line, label });
      data.push(values);
    }
    draw(name, {
      cursor: { sync: { key: 'training' }, drag: { x: true, y: false }, y: false },
      scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : { range: linearRange } },
      axes: [
        axis({ size: 34, values: (_, values) => values.map(shortCount), space: 70 }),
        axis({ size: 64, values: (_, values) => values.map(value => value == null ? '' : tick(value)) })
      ],
      series
    }, data);
  };

  const layerOf = name => {
    const match = /layers\.(\d+)\./.exec(name);
    return match ? Number(match[1]) : null;
  };
  const kindOf = name => {
    const kind = name.slice(name.lastIndexOf('.') + 1);
    return { input_layernorm: 'before attention', post_attention_layernorm: 'before MLP', norm: 'final' }[kind] ?? kind;
  };

  const bars = quantity => {
    const norms = numbers.norms;
    if (!norms) return;
    const kinds = [...new Set(norms.map(norm => kindOf(norm.name)))];
    const inks = ['--first', '--second', '--third'];
    const firstOfLayer = norms.map((_, i) => i).filter(i => i === 0 || layerOf(norms[i].name) !== layerOf(norms[i - 1].name));
    const paths = uPlot.paths.bars({ size: [0.75, 28], radius: 0.15 });
    draw(quantity, {
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: {
        x: { time: false, range: [-0.7, norms.length - 0.3] },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] }
      },
      axes: [
        axis({
          splits: plot => {
            const apart = Math.ceil(firstOfLayer.length * 34 / Math.max(1, plot.width - 70));
            return firstOfLayer.filter((_, i) => i % apart === 0);
          },
          values: (_, splits) => splits.map(i => layerOf(norms[i].name) ?? kindOf(norms[i].name)),
          grid: { show: false },
          size: 30, label: 'layer', labelSize: 20, labelGap: 0, labelFont: '12px system-ui, sans-serif'
        }),
        axis({ size: 64, values: (_, values) => values.map(tick) })
      ],
      series: [
        { label: 'norm', value: (_, i) => i == null ? '' : norms[i].name },
        ...kinds.map((kind, k) => ({
          label: kind, paths, ...ink(inks[k % inks.length]), fill: colour(inks[k % inks.length]), width: 0, points: { show: false },
          value: (_, value) => significant(value)
        }))
      ]
    }, [norms.map((_, i) => i), ...kinds.map(kind => norms.map(norm => kindOf(norm.name) === kind ? norm[quantity] : null))]);
  };

  const LEAST_SHARE = 1e-4;

  // Lines over a common axis; on a logarithmic scale where values span decades, which then leaves out zeros.
  const lines = (name, axisLabel, positions, tickOf, labelOf, quantities) => {
    const inks = ['--first', '--second', '--third'];
    const values = quantities.flatMap(quantity => quantity.values).filter(value => value != null);
    const positive = values.filter(value => value > 0);
    const logarithmic = positive.length > 0 && Math.max(...positive) / Math.min(...positive) > 30;
    // What is smaller than that is rounding beside the rest: the curve goes there through the chart's floor, which the others need not share.
    const floor = Math.max(...positive) * LEAST_SHARE;
    draw(name, {
      cursor: { drag: { x: false, y: false }, y: false },
      scales: { x: { time: false }, y: logarithmic ? { distr: 3, range: (_, low, high) => uPlot.rangeLog(Math.max(low, floor), high, 10, true) } : { range: linearRange } },
      axes: [
        axis({
          values: (_, splits) => splits.map(tickOf), incrs: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536],
          size: 30, label: axisLabel, labelSize: 20, labelGap: 0, labelFont: '12px system-ui, sans-serif'
        }),
        axis({ size: 64, values: (_, values) => values.map(value => value == null ? '' : tick(value)) })
      ],
      series: [
        { label: axisLabel, value: (_, value, __, i) => i == null ? '' : labelOf(i) },
        ...quantities.map((quantity, k) => ({
          label: quantity.label, ...ink(inks[k]), width: 2, spanGaps: true, points: { show: positions.length < 90, fill: colour('--card') },
          value: (_, value) => significant(value)
        }))
      ]
    }, [positions, ...quantities.map(quantity => quantity.values.map(value => logarithmic && value === 0 ? null : value))]);
  };

  (numbers.texts ?? []).forEach((text, index) => {
    // Attention and MLP differ in size, so each has a curve of its own; what comes after the last layer stands alone.
    const kinds = text.places.map(place => /^layer \d+ (.*)$/.exec(place)?.[1] ?? 'at the end');
    for (const quantity of ['stream', 'norm', 'projections']) {
      lines(`${quantity}-${index}`, 'layer', text.places.map((_, i) => i / 2), value => Number.isInteger(value) ? String(value) : '',
        i => text.places[i], [...new Set(kinds)].map(kind => ({
          label: kind, values: text[quantity].map((value, i) => kinds[i] === kind ? value : null)
        })));
    }
    lines(`positions-${index}`, 'tokens before', text.position, shortCount, i => count(text.position[i]),
      [{ label: 'KL', values: text.divergence }]);
  });

  curve('loss', 'loss', '--second', 'auto');
  curve('divergence', 'KL', '--first', 'log');
  curve('held_out', 'KL', '--first', 'log', numbers.held_out, 'kl_mean');
  curve('gradient_norm', 'norm', '--third', 'auto');
  curve('learning_rate', 'learning rate', '--muted', 'linear');
  bars('mean_over_rms');
  bars('bias_over_weight');

  const redraw = () => plots.forEach(plot => plot.redraw());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

  // Paper is light, and two charts wide. What is folded stays folded: the tables of a large model fill thirty pages.
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.print = '';
    plots.forEach(plot => plot.setSize({ width: 300, height: 180 }));
    redraw();
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.print;
    plots.forEach(plot => plot.setSize(sizeIn(plot.root.parentElement)));
    redraw();
  });

  document.querySelectorAll('input[data-filters]').forEach(input => {
    const rows = document.querySelectorAll(`#${input.dataset.filters} tbody tr`);
    input.hidden = false;
    input.addEventListener('input', () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  });
})();
