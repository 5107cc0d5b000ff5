/**
 * What the "i" of each section says: what is shown, how to read it, how it can mislead, and where it is from. Each text
 * is one to three sentences, a section at most seven; who changes a view changes its words here.
 *
 * @typedef {{cite: string, url: string}} Origin
 * @typedef {{title: string, shows: string, read: string, misleads: string, origins: Origin[]}} About
 */

const BLOCKS = {
  cite: "Olah et al., The Building Blocks of Interpretability, 2018",
  url: "https://distill.pub/2018/building-blocks/",
};

/** By the section's id. @type {Record<string, About>} */
export const ABOUT = {
  overview: {
    title: "Overview",
    shows: "What the network has learned up to the chosen step: an extract of every section, findings first.",
    read: "All numbers are about the probe, the few fixed pictures that the network is looked at with.",
    misleads:
      "What the probe does not contain cannot appear here. The strongest of many results comes first, so its effect is " +
      "likely to be somewhat smaller than it looks. That neurons detect something does not mean that a decision needs " +
      "it: the concept tests, and switching groups off, are about that.",
    origins: [BLOCKS],
  },
  features: {
    title: "Features",
    shows: "Pictures that were optimized until they excite one channel strongly, beside the probe pictures that excite it most.",
    read: "A bar compares the two: left of its line (1 ×), a probe picture is the better example of what the channel detects.",
    misleads:
      "Each is an optimized picture and nothing that the network ever saw: the starting noise, the random shifts and any " +
      "penalty shape it, and another seed gives another one. A channel may answer to several unrelated things, of which " +
      "one picture shows one. It may excite the channel along a path through earlier layers that no real picture takes: " +
      "the side panel says whether it does. People often predict a channel better from real examples: read both.",
    origins: [
      { cite: "Olah et al., Feature Visualization, 2017", url: "https://distill.pub/2017/feature-visualization/" },
      {
        cite: "Borowski et al., Exemplary Natural Images Explain CNN Activations Better, 2021",
        url: "https://arxiv.org/abs/2010.12606",
      },
      {
        cite: "Geirhos et al., Don’t Trust Your Eyes: On the (Un)reliability of Feature Visualizations, 2023",
        url: "https://arxiv.org/abs/2306.04719",
      },
    ],
  },
  groups: {
    title: "Groups",
    shows: "Neurons of a layer that fire together, found by factorizing its activations on the probe; colors say where each group fires.",
    read:
      "A group’s share is how much of the activation it accounts for; the reconstruction error is what all of them leave " +
      "over. An effect is a gradient, first order; the switches show what happens without the group.",
    misleads:
      "Groups depend on how many were asked for (k), on the probe and on the seed: another k splits or joins them. " +
      "A group that fires on a thing need not matter to the decision, and its name is a guess.",
    origins: [
      BLOCKS,
      {
        cite: "Lee and Seung, Learning the Parts of Objects by Non-negative Matrix Factorization, 1999",
        url: "https://doi.org/10.1038/44565",
      },
      {
        cite: "Fel et al., CRAFT: Concept Recursive Activation FacTorization for Explainability, 2023",
        url: "https://arxiv.org/abs/2211.10154",
      },
    ],
  },
  decisions: {
    title: "Decision",
    shows: "How the output for a picture came about: what its regions, groups of neurons and positions of each layer contributed.",
    read: "Blue pushes toward the target (a class, or a number), orange against it; the wider an edge of the graph, the more of its target it explains.",
    misleads:
      "Attribution is first order: where the network saturates, taking a thing out does something else, and the test " +
      "beside each node says what. What the groups leave over has no name; the line below the graph says how much that is. " +
      "Maps of a layer are coarse and laid over the picture, so their edges are not those of things, and a plausible map " +
      "is no proof.",
    origins: [
      BLOCKS,
      { cite: "Adebayo et al., Sanity Checks for Saliency Maps, 2018", url: "https://arxiv.org/abs/1810.03292" },
      {
        cite: "Ameisen et al., Circuit Tracing: Revealing Computational Graphs in Language Models, 2025",
        url: "https://transformer-circuits.pub/2025/attribution-graphs/methods.html",
      },
    ],
  },
  dictionary: {
    title: "Dictionary",
    shows: "What fires at each position of a layer: its strongest channels or groups, each with an icon.",
    read: "Point at the picture to read a position, and at a word to see where else in the picture it fires.",
    misleads:
      "An icon is an example of what excites a channel and not its meaning. A position sees a wider part of the picture " +
      "than its cell. Only the strongest few are listed; many weak ones can matter more together.",
    origins: [
      BLOCKS,
      { cite: "Carter et al., Activation Atlas, 2019", url: "https://distill.pub/2019/activation-atlas/" },
    ],
  },
  concepts: {
    title: "Concepts",
    shows: "Whether a class depends on a concept that you have pictures of: how far its logit moves, first order, from contrast to concept.",
    read:
      "The bar is the 95 % interval, the grey band what chance gives when labels are permuted; p is corrected for all " +
      "tests that were made together.",
    misleads:
      "The test is about the pictures: whatever else sets concept and contrast apart is tested with it, so the same pictures " +
      "with and without the concept are the best contrast. A permutation test tells an effect from chance and not a large " +
      "one from a small one: read the interval. “No finding” does not mean that there is no dependence.",
    origins: [
      {
        cite: "Kim et al., Interpretability Beyond Feature Attribution: TCAV, 2018",
        url: "https://arxiv.org/abs/1711.11279",
      },
      {
        cite: "Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979",
        url: "https://www.jstor.org/stable/4615733",
      },
    ],
  },
};
