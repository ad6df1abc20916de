// A topology as large as a big house has: regions with namespaces, services that call each other, their copies and hosts,
// databases and queues. Made by arithmetic alone, so that each run sees the same.

/** The next number of a fixed row, 0 to `below`. */
function row(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

export function large(count) {
  const next = row(7);
  const entities = [];
  const edges = [];
  const services = [];
  const regions = [
    'eu-west-1',
    'eu-north-1',
    'us-east-1',
    'us-west-2',
    'ap-south-1',
    'ap-southeast-1',
    'sa-east-1',
  ];
  const words = [
    'checkout',
    'catalog',
    'orders',
    'ledger',
    'search',
    'profile',
    'mail',
    'stock',
    'price',
    'risk',
  ];
  const parts = ['api', 'worker', 'gateway', 'sync', 'store', 'reports', 'events', 'batch', 'admin', 'feed'];
  while (entities.length < count) {
    const n = services.length;
    const region = regions[n % regions.length];
    const name = `${words[next(10)]}-${parts[next(10)]}-${n}`;
    const id = `${region}/${name}`;
    const kind = n % 9 === 4 ? 'database' : n % 13 === 6 ? 'queue' : n % 17 === 0 ? 'gateway' : 'service';
    entities.push({ id, kind, name, labels: { region } });
    const near = services.filter((one) => one.region === region);
    for (let call = 0; call < 1 + next(3) && near.length > 0; call += 1) {
      const other = near[next(near.length)];
      edges.push({ from: other.id, to: id, kind: kind === 'queue' ? 'produces' : 'calls', confidence: 1 });
    }
    if (n % 40 === 39) edges.push({ from: services[next(n)].id, to: id, kind: 'calls', confidence: 1 });
    services.push({ id, region });
    if (kind !== 'service') continue;
    for (let copy = 0; copy < 4 + next(14) && entities.length < count; copy += 1) {
      const pod = `${id}-${copy}`;
      entities.push({
        id: pod,
        kind: 'pod',
        name: `${name}-${copy}`,
        labels: { region, version: `1.${n % 7}` },
      });
      edges.push({ from: id, to: pod, kind: 'served_by', confidence: 1 });
    }
  }
  entities.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { entities, edges };
}
