//! Loops folded: strongly connected components.

use super::Graph;

/// Nodes that reach one another, folded together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// The component of each node. Components are numbered so that every edge between two of them leads from the
    /// smaller number to the greater.
    pub of: Vec<u32>,
    /// The members of each component, ascending.
    pub members: Vec<Vec<u32>>,
}

/// Strongly connected components (Tarjan, 1972), without recursion, so that a long chain cannot exhaust the stack.
pub fn components(graph: &Graph) -> Components {
    const UNSEEN: u32 = u32::MAX;
    let n = graph.len();
    let mut index = vec![UNSEEN; n];
    let mut low = vec![0u32; n];
    let mut on_stack = vec![false; n];
    let mut stack: Vec<u32> = Vec::new();
    let mut found: Vec<Vec<u32>> = Vec::new();
    let mut counter = 0u32;
    let neighbours: Vec<Vec<u32>> = (0..n as u32)
        .map(|v| graph.out(v).map(|e| e.0).collect())
        .collect();
    for root in 0..n as u32 {
        if index[root as usize] != UNSEEN {
            continue;
        }
        // (node, how many of its neighbours are done)
        let mut work: Vec<(u32, usize)> = vec![(root, 0)];
        while let Some((node, done)) = work.pop() {
            let v = node as usize;
            if done == 0 {
                index[v] = counter;
                low[v] = counter;
                counter += 1;
                stack.push(node);
                on_stack[v] = true;
            } else {
                let child = neighbours[v][done - 1] as usize;
                low[v] = low[v].min(low[child]);
            }
            let mut next = done;
            let mut descended = false;
            while let Some(&to) = neighbours[v].get(next) {
                next += 1;
                let w = to as usize;
                if index[w] == UNSEEN {
                    work.push((node, next));
                    work.push((to, 0));
                    descended = true;
                    break;
                }
                if on_stack[w] {
                    low[v] = low[v].min(index[w]);
                }
            }
            if descended || low[v] != index[v] {
                continue;
            }
            let mut members = Vec::new();
            while let Some(member) = stack.pop() {
                on_stack[member as usize] = false;
                members.push(member);
                if member == node {
                    break;
                }
            }
            members.sort_unstable();
            found.push(members);
        }
    }
    // Tarjan finds what is reached last first.
    found.reverse();
    let mut of = vec![0; n];
    for (number, members) in found.iter().enumerate() {
        for m in members {
            of[*m as usize] = number as u32;
        }
    }
    Components { of, members: found }
}
