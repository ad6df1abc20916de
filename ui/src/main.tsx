import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { newQueryClient, openIncidents } from './api/hooks';
import { App } from './app';
import { parse } from './route';
import { takeBack } from './signon';
import './styles/look.css';
import './styles/frame.css';
import './styles/parts.css';

takeBack();
const queries = newQueryClient();
// What is broken is asked for at once; a session that is wanted first shows itself in the answer.
if (parse(location.hash).page === 'now') void queries.prefetchQuery(openIncidents);

const root = document.getElementById('page');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
