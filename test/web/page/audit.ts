// What an accessibility checker would look at, by hand: contrast as it is drawn (WCAG 2.2 §1.4.3), names of controls (§4.1.2), size of
// targets (§2.5.8), and nothing wider than the window (§1.4.10). Runs in the page:
// one function, since playwright sends it there as its text.

export const auditPage = (): string[] => {
  const problems: string[] = [];
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return ['no canvas'];

  type Rgba = readonly [number, number, number, number];
  const rgba = (color: string): Rgba => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a]: Rgba, [R, G, B]: Rgba): Rgba => [
    r * a + R * (1 - a),
    g * a + G * (1 - a),
    b * a + B * (1 - a),
    1,
  ];
  const luminance = ([r, g, b]: Rgba): number => {
    const [x = 0, y = 0, z = 0] = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a: Rgba, b: Rgba): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
    return (light + 0.05) / (dark + 0.05);
  };
  const groundOf = (element: Element): Rgba => {
    const layers: Rgba[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      const layer = rgba(getComputedStyle(at).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reduceRight<Rgba>((ground, layer) => over(layer, ground), [255, 255, 255, 1]);
  };
  const isSeen = (element: Element): boolean =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    element.closest('.unseen, noscript') === null;
  const describe = (element: Element): string =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute('class')}"> ${element.textContent?.trim().slice(0, 40) ?? ''}`;

  for (const element of document.body.querySelectorAll('*')) {
    if (!isSeen(element) || (element instanceof HTMLSelectElement && element.disabled)) continue;
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== '',
    );
    if (!hasText) continue;
    const style = getComputedStyle(element);
    const ratio = contrast(over(rgba(style.color), groundOf(element)), groundOf(element));
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${describe(element)}`);
  }

  // Icons that alone say what a control does: §1.4.11.
  for (const icon of document.querySelectorAll('svg.icon')) {
    if (!isSeen(icon)) continue;
    const ratio = contrast(over(rgba(getComputedStyle(icon).stroke), groundOf(icon)), groundOf(icon));
    if (ratio < 3) problems.push(`icon ${ratio.toFixed(2)}: ${describe(icon.parentElement ?? icon)}`);
  }

  for (const control of document.querySelectorAll('button, a[href], input, select')) {
    if (!isSeen(control)) continue;
    const labels = 'labels' in control ? [...((control.labels as NodeListOf<Element> | null) ?? [])] : [];
    const name =
      control.getAttribute('aria-label') ??
      (labels.map((label) => label.textContent).join('') || control.textContent);
    if (name?.trim() === '') problems.push(`no name: ${describe(control)}`);
    const { width, height } = control.getBoundingClientRect();
    if (width < 24 || height < 24) problems.push(`target ${width}×${height}: ${describe(control)}`);
  }

  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`id twice: ${id}`);
  for (const element of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
    for (const id of `${element.getAttribute('aria-describedby') ?? ''} ${element.getAttribute('aria-labelledby') ?? ''}`.split(
      ' ',
    )) {
      if (id !== '' && document.getElementById(id) === null) problems.push(`nothing is ${id}`);
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) problems.push(`${scrollWidth} px in a window of ${clientWidth}`);
  for (const body of document.querySelectorAll('.panel-body')) {
    if (body.scrollWidth > body.clientWidth)
      problems.push(`panel of ${body.scrollWidth} px in ${body.clientWidth}`);
  }
  return problems;
};
