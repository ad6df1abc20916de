import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** The server that `npm run dev` stands beside. */
const api = process.env.MIDWATCH_URL ?? 'http://127.0.0.1:8787';

// Everything is its own file: the page is served under `default-src 'self'`, which forbids data: addresses and
// anything inline. Relative addresses let it be mounted anywhere.
export default defineConfig({
  base: './',
  plugins: [react()],
  server: { host: '127.0.0.1', proxy: { '/v1': api, '/readyz': api } },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    target: 'es2022',
    cssCodeSplit: true,
    modulePreload: { polyfill: false },
    manifest: true,
    // elkjs is one file of 1.5 MB; it is fetched only when a path is drawn.
    chunkSizeWarningLimit: 1600,
  },
  test: { environment: 'node', testTimeout: 60_000, include: ['src/**/*.test.ts', 'tests/**/*.test.ts'] },
});
