/** What a module offers can be read off it: everything is exported by its name. */
const byName = {
  create: (context) => ({
    ExportDefaultDeclaration: (node) => context.report({ node, message: 'Export by name.' }),
    ExportAllDeclaration: (node) => context.report({ node, message: 'Name what is exported.' }),
  }),
};

export default { meta: { name: 'exports' }, rules: { 'by-name': byName } };
