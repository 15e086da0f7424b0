export { measure, type MeasureOptions, type Timing } from './measure.ts';
export { SUITES, type Peak, type Report, type Row, type Suite } from './report.ts';
export { runSuite, type RunOptions } from './run.ts';
export { table } from './table.ts';
