-- What is on the shelf on opening day. Pictures and words are our own.

INSERT INTO products (id, name, summary, description, price_cents, picture) VALUES
(1, 'Enamel mug', 'Holds tea, soup and a grudge',
 'Steel under two coats of enamel, with a rim that chips before it breaks. Takes 350 ml, survives a fall from the table and goes on an open fire. Every one leans a little; so will you.',
 1450,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#dfe9e4"/><ellipse cx="116" cy="150" rx="66" ry="9" fill="#b9cbc2"/><path d="M160 72h16a22 22 0 0 1 0 52h-18" fill="none" stroke="#24504a" stroke-width="10"/><path d="M68 56h96l-7 86a8 8 0 0 1-8 8H83a8 8 0 0 1-8-8z" fill="#2f6f66"/><path d="M68 56h96l-1 12H69z" fill="#f3f1e8"/><ellipse cx="116" cy="56" rx="48" ry="8" fill="#f3f1e8"/><ellipse cx="116" cy="56" rx="41" ry="5.5" fill="#7a4b2b"/><g fill="#f3f1e8" opacity=".8"><circle cx="92" cy="92" r="2"/><circle cx="128" cy="84" r="1.6"/><circle cx="144" cy="112" r="2.2"/><circle cx="104" cy="124" r="1.7"/></g><path d="M100 38c-6-8 6-12 0-20M124 38c-6-8 6-12 0-20" fill="none" stroke="#9db5ab" stroke-width="4" stroke-linecap="round"/></svg>'),
(2, 'Beeswax candle', 'Twelve hours, if nobody sneezes',
 'Poured by hand into a jar you will keep for buttons. Wax from two hives behind the staging, a cotton wick and nothing else. Smells of a warm cupboard.',
 1900,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#f4e6cc"/><circle cx="120" cy="62" r="46" fill="#fbf3df"/><ellipse cx="120" cy="156" rx="54" ry="8" fill="#dcc89f"/><path d="M120 38c12 15 11 26 0 31-11-5-12-16 0-31z" fill="#e48a2c"/><path d="M120 51c5 7 5 13 0 16-5-3-5-9 0-16z" fill="#fbe3a1"/><path d="M120 68v16" stroke="#4a3623" stroke-width="3"/><rect x="82" y="82" width="76" height="72" rx="8" fill="#e9b850"/><rect x="82" y="82" width="76" height="11" rx="5" fill="#f5d283"/><rect x="92" y="106" width="56" height="28" rx="3" fill="#fdf6e4"/><path d="M101 116h38M106 124h28" stroke="#a9803a" stroke-width="3" stroke-linecap="round"/></svg>'),
(3, 'Walnut spoon', 'For stirring, tasting, pointing',
 'Split, not sawn, so the grain runs the whole way and the handle does not snap in a stiff dough. Oiled with linseed. Wash it by hand and it will outlive the pot.',
 2200,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#eadfd3"/><g transform="rotate(-38 120 90)"><ellipse cx="122" cy="96" rx="104" ry="9" fill="#d3c2b0" opacity=".7"/><path d="M84 82l118 3a6 6 0 0 1 0 12l-118 3z" fill="#7b4d2f"/><ellipse cx="62" cy="91" rx="36" ry="25" fill="#7b4d2f"/><ellipse cx="60" cy="91" rx="27" ry="17" fill="#5f3921"/><path d="M98 88l96 2M100 94l70 1" stroke="#9a6a45" stroke-width="2" stroke-linecap="round"/></g></svg>'),
(4, 'Linen apron', 'Washed soft, pockets for two hands',
 'Heavy linen from a mill that has three looms. Crossed straps, so nothing pulls at the neck, and pockets deep enough for a phone you should not look at while cooking.',
 4800,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#dde4ec"/><path d="M98 30c4 22 40 22 44 0" fill="none" stroke="#7d93ab" stroke-width="5"/><path d="M96 30h48c0 20 8 32 26 38l6 92c0 4-3 6-7 6H71c-4 0-7-2-7-6l6-92c18-6 26-18 26-38z" fill="#9db1c6"/><path d="M70 68l-30 18M170 68l30 18" stroke="#7d93ab" stroke-width="5" stroke-linecap="round"/><path d="M88 100h64v30a10 10 0 0 1-10 10H98a10 10 0 0 1-10-10z" fill="#8aa0b8"/><path d="M120 100v40M88 106h64" stroke="#dde4ec" stroke-width="2" stroke-dasharray="4 4"/></svg>'),
(5, 'Seed box', 'Six drawers, four kinds of bean',
 'A year of sowing in a beech box: peas, beans, radish, marigold, dill and a surprise. Each drawer has a card that says when, how deep, and what went wrong for us.',
 3400,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#e3ead3"/><ellipse cx="120" cy="158" rx="82" ry="8" fill="#c4d0aa"/><rect x="46" y="58" width="148" height="98" rx="6" fill="#c79a63"/><g fill="#dcb681"><rect x="54" y="66" width="41" height="38" rx="3"/><rect x="99" y="66" width="41" height="38" rx="3"/><rect x="144" y="66" width="42" height="38" rx="3"/><rect x="54" y="110" width="41" height="38" rx="3"/><rect x="99" y="110" width="41" height="38" rx="3"/><rect x="144" y="110" width="42" height="38" rx="3"/></g><g fill="#7d5a31"><circle cx="74" cy="92" r="4"/><circle cx="119" cy="92" r="4"/><circle cx="165" cy="92" r="4"/><circle cx="74" cy="136" r="4"/><circle cx="119" cy="136" r="4"/><circle cx="165" cy="136" r="4"/></g><path d="M120 58V30" stroke="#5b7f3a" stroke-width="5" stroke-linecap="round"/><path d="M120 42c-22 2-28-10-30-20 18-2 28 4 30 20zM120 34c2-16 14-20 28-20 0 14-8 22-28 20z" fill="#76a04a"/></svg>'),
(6, 'Pocket notebook', 'Ninety-six pages of good intentions',
 'Thread-sewn, so it lies flat, with paper that takes ink without telling the next page. The elastic holds a pencil stub, which is included, already chewed to shape.',
 1150,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#ecdcdc"/><g transform="rotate(-7 120 90)"><rect x="74" y="28" width="98" height="132" rx="6" fill="#d1b3b3"/><rect x="70" y="24" width="98" height="132" rx="6" fill="#8f3d45"/><rect x="70" y="24" width="14" height="132" rx="6" fill="#75313a"/><rect x="98" y="48" width="54" height="34" rx="3" fill="#f4e9dc"/><path d="M106 60h38M106 69h26" stroke="#8f3d45" stroke-width="3" stroke-linecap="round"/><rect x="154" y="24" width="6" height="132" fill="#3d2730"/></g><g transform="rotate(24 190 110)"><rect x="184" y="52" width="12" height="84" fill="#e0a93e"/><path d="M184 136h12l-6 16z" fill="#f0d9b5"/><path d="M188 147h4l-2 5z" fill="#3d2730"/><rect x="184" y="46" width="12" height="10" rx="3" fill="#c9747c"/></g></svg>'),
(7, 'Watering can', 'Two litres, pours like a sentence',
 'Zinc, with a long neck that reaches the pot at the back and a rose that rains instead of spilling. Balanced for one hand, so the other can hold the coffee.',
 5600,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#d9e6ea"/><ellipse cx="136" cy="156" rx="62" ry="8" fill="#b5cad1"/><path d="M120 70c6-40 70-40 72 14" fill="none" stroke="#5d7f8a" stroke-width="8"/><path d="M104 110L52 60" stroke="#7fa0aa" stroke-width="12" stroke-linecap="round"/><path d="M36 66l28-26 6 8-26 24z" fill="#5d7f8a"/><path d="M98 76h82l-6 74a6 6 0 0 1-6 6h-58a6 6 0 0 1-6-6z" fill="#8fb0ba"/><path d="M98 76h82l-1 12H99z" fill="#a9c5cd"/><g stroke="#6fa8c2" stroke-width="4" stroke-linecap="round"><path d="M38 84l-4 12M50 82l-4 12M30 104l-3 10M46 104l-4 12"/></g></svg>'),
(8, 'Brass bell', 'The last three. The caster retired',
 'Cast in sand by a man who has since taken up fishing. Rings an honest A. There will be no more of these, so please do not order four.',
 7900,
 '<svg viewBox="0 0 240 180" aria-hidden="true"><rect width="240" height="180" fill="#f0e6d0"/><ellipse cx="120" cy="160" rx="60" ry="7" fill="#d8c8a2"/><path d="M112 34a8 8 0 1 1 16 0v8h-16z" fill="#9b7424"/><path d="M120 38c32 0 42 26 42 54 0 22 8 30 14 38H64c6-8 14-16 14-38 0-28 10-54 42-54z" fill="#cfa03a"/><path d="M98 58c-8 12-8 28-9 42" fill="none" stroke="#ecca78" stroke-width="6" stroke-linecap="round"/><rect x="58" y="126" width="124" height="12" rx="6" fill="#b3872c"/><circle cx="120" cy="146" r="10" fill="#7d5c1b"/></svg>');

INSERT INTO stock (product_id, quantity, restock_to) VALUES
(1, 240, 240), (2, 180, 180), (3, 90, 90), (4, 60, 60),
(5, 75, 75), (6, 400, 400), (7, 40, 40), (8, 3, NULL);

SELECT setval(pg_get_serial_sequence('products', 'id'), (SELECT max(id) FROM products));
