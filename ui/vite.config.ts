import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Everything is its own file: the page is served under `default-src 'self'`, which forbids data: addresses and
// anything inline. Relative addresses let it be mounted anywhere.
export default defineConfig({
  base: './',
  plugins: [react()],
  // `npm run dev` beside a server that runs: MIDWATCH_URL=http://127.0.0.1:8080 npm run dev
  server: { host: '127.0.0.1', proxy: { '/v1': process.env.MIDWATCH_URL ?? 'http://127.0.0.1:8080' } },
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
  test: { environment: 'node', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
