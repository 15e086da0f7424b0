import type { Download } from './definition.ts';

/** The preprocessed sets of the authors of Masked Autoregressive Flow (Papamakarios et al. 2017), one archive for all. */
export function mafArchive(...members: readonly string[]): Download {
  return {
    url: 'https://zenodo.org/record/1161203/files/data.tar.gz',
    checksum: { algorithm: 'md5', hex: '9b9c9b0375315ad270eba4ce80c093ab' },
    path: 'maf-data.tar.gz',
    members: members.map((name) => ({ name, path: name })),
  };
}
