/** What pruned models are compared with. */
export type Baseline = 'dense' | Control;
/** The two that would explain a difference from dense flows otherwise. */
export type Control = 'control' | 'random';

/** What a claim is tested by: the difference of a number between pruned models and others at one prune ratio, paired over seeds. */
export interface ClaimTest {
  /** `testNll`, or the label of one of the study's measures. */
  readonly quantity: string;
  readonly better: 'lower' | 'higher';
  readonly against: Baseline;
  /** A prune ratio, of which the nearest within .05 is taken; or that with the best validation NLL, which is none of the tested numbers. */
  readonly at: number | 'best';
}

/** Something that the paper says, or that it would have to say for its conclusion to follow. */
export interface Claim {
  readonly says: string;
  /** Where in the paper; or why it is asked although the paper does not. */
  readonly where: string;
  /** Names of the studies that bear on it, under any protocol. */
  readonly studies: readonly string[];
  readonly test: ClaimTest;
}

const densities = ['gaussians', 'gaussians-spiral', 'spirals'] as const;
const nll = { quantity: 'testNll', better: 'lower' } as const;
const notAsked = 'not asked by the paper, which has no such baseline';

/** In the order of reading: each claim is followed by what would explain it otherwise. */
export const claims: readonly Claim[] = [
  {
    says: 'Pruned flows have a better likelihood than the dense flow they come from.',
    where: 'abstract, section 4, Figures 2 and 4',
    studies: densities,
    test: { ...nll, against: 'dense', at: 'best' },
  },
  {
    says: 'They also have a better one than a flow that is trained as long without pruning, so that the gain is due to pruning.',
    where: notAsked,
    studies: densities,
    test: { ...nll, against: 'control', at: 'best' },
  },
  {
    says: 'Which weights are removed matters: pruning by magnitude or norm is better than pruning at random.',
    where: notAsked,
    studies: densities,
    test: { ...nll, against: 'random', at: 'best' },
  },
  {
    says: 'A tenth of the parameters is enough for the likelihood of the dense flow.',
    where: 'conclusion: at least an order of magnitude fewer parameters',
    studies: densities,
    test: { ...nll, against: 'dense', at: 0.9 },
  },
  {
    says: 'Pruning keeps flows from missing modes: more samples fall near one.',
    where: 'section 4, Table 4 and Figure 5',
    studies: ['mode-collapse'],
    test: { quantity: 'good at 2σ (%)', better: 'higher', against: 'dense', at: 'best' },
  },
  {
    says: 'More samples fall near a mode than after training as long without pruning.',
    where: notAsked,
    studies: ['mode-collapse'],
    test: { quantity: 'good at 2σ (%)', better: 'higher', against: 'control', at: 'best' },
  },
  {
    says: 'More samples fall near a mode than after pruning as much at random.',
    where: notAsked,
    studies: ['mode-collapse'],
    test: { quantity: 'good at 2σ (%)', better: 'higher', against: 'random', at: 'best' },
  },
  {
    says: 'Dense flows lose modes that pruned flows capture.',
    where: 'section 4, Figure 5',
    studies: ['mode-collapse'],
    test: { quantity: 'modes captured', better: 'higher', against: 'dense', at: 'best' },
  },
  {
    says: 'Pruned flows lie in flatter minima: the largest eigenvalue of the Hessian falls.',
    where: 'section 4, Table 5 and Figure 3',
    studies: ['hessian'],
    test: { quantity: 'λ max', better: 'lower', against: 'dense', at: 'best' },
  },
  {
    says: 'They lie in flatter minima than flows that are trained as long without pruning.',
    where: notAsked,
    studies: ['hessian'],
    test: { quantity: 'λ max', better: 'lower', against: 'control', at: 'best' },
  },
  {
    says: 'They lie in flatter minima than flows that are pruned as much at random.',
    where: notAsked,
    studies: ['hessian'],
    test: { quantity: 'λ max', better: 'lower', against: 'random', at: 'best' },
  },
  {
    says: 'A classifier keeps its distance to the data when 84 % of it are pruned.',
    where: 'section 4, Figure 9',
    studies: ['moons'],
    test: { quantity: 'margin, lowest 5 %', better: 'higher', against: 'dense', at: 0.84 },
  },
  {
    says: 'Its distance to the data is larger than after training as long without pruning.',
    where: notAsked,
    studies: ['moons'],
    test: { quantity: 'margin, lowest 5 %', better: 'higher', against: 'control', at: 0.84 },
  },
  {
    says: 'Its distance to the data is larger than after pruning as much at random.',
    where: notAsked,
    studies: ['moons'],
    test: { quantity: 'margin, lowest 5 %', better: 'higher', against: 'random', at: 0.84 },
  },
  {
    says: 'Pruned by 96 %, the decision boundary comes closer to the data.',
    where: 'section 4, Figure 9',
    studies: ['moons'],
    test: { quantity: 'margin, lowest 5 %', better: 'lower', against: 'dense', at: 0.96 },
  },
];
