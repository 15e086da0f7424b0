import { DatasetError } from '../errors.ts';
import type { Fetch } from '../fetch/download.ts';

/**
 * A `fetch` that goes through the proxies of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not, which Node's own does not look
 * at unless it is told to; Node's own where there is none.
 *
 * @throws {DatasetError} for what is not the address of a proxy.
 */
export async function proxiedFetch(environment: NodeJS.ProcessEnv = process.env): Promise<Fetch> {
  const of = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const address = (name: string): string => (of(name) === '' ? '' : proxyAddress(name, of(name)));
  const [httpProxy, httpsProxy] = [address('HTTP_PROXY'), address('HTTPS_PROXY')];
  if (httpProxy === '' && httpsProxy === '') return fetch;
  const { EnvHttpProxyAgent, fetch: fetchThrough } = await import('undici');
  const dispatcher = new EnvHttpProxyAgent({ httpProxy, httpsProxy, noProxy: of('NO_PROXY') });
  return (url, options) => fetchThrough(url, { ...options, dispatcher }) as unknown as Promise<Response>;
}

/** The protocol may be left out, as other programs allow. */
function proxyAddress(name: string, value: string): string {
  const address = value.includes('://') ? value : `http://${value}`;
  if (!/^https?:/i.test(address) || !URL.canParse(address)) {
    throw new DatasetError(name, `'${value}' is not the address of a proxy`, 'give it as http://HOST:PORT');
  }
  return address;
}
