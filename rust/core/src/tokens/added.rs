//! Added tokens: strings that stand for one id wherever a text holds them, whatever the model would make of them.

/// A set of strings, found from left to right, the longest one at each place; as `tokenizers` finds those that ask for
/// nothing special around them.
#[derive(Debug, Clone)]
pub struct AddedTokens {
    nodes: Vec<Node>,
    /// Whether a string begins with this byte.
    begins: [bool; 256],
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Next bytes and the nodes behind them, sorted.
    children: Vec<(u8, u32)>,
    id: Option<u32>,
}

impl AddedTokens {
    /// Of strings and their ids; empty strings are left out.
    pub fn new<'t>(tokens: impl IntoIterator<Item = (&'t str, u32)>) -> Self {
        let mut added = Self {
            nodes: vec![Node::default()],
            begins: [false; 256],
        };
        for (token, id) in tokens {
            let Some(&first) = token.as_bytes().first() else {
                continue;
            };
            added.begins[usize::from(first)] = true;
            let mut node = 0;
            for &byte in token.as_bytes() {
                node = match added.nodes[node]
                    .children
                    .binary_search_by_key(&byte, |child| child.0)
                {
                    Ok(found) => added.nodes[node].children[found].1 as usize,
                    Err(place) => {
                        let made = added.nodes.len();
                        added.nodes.push(Node::default());
                        added.nodes[node].children.insert(place, (byte, made as u32));
                        made
                    }
                };
            }
            added.nodes[node].id = Some(id);
        }
        added
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The first place from `from` on where one stands: start, end and id.
    #[inline]
    pub fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize, u32)> {
        if self.is_empty() {
            return None;
        }
        let mut at = from;
        loop {
            at += text
                .get(at..)?
                .iter()
                .position(|&byte| self.begins[usize::from(byte)])?;
            if let Some((end, id)) = self.longest_at(text, at) {
                return Some((at, end, id));
            }
            at += 1;
        }
    }

    fn longest_at(&self, text: &[u8], start: usize) -> Option<(usize, u32)> {
        let (mut node, mut longest) = (&self.nodes[0], None);
        for (&byte, end) in text[start..].iter().zip(start + 1..) {
            let Ok(child) = node.children.binary_search_by_key(&byte, |child| child.0) else {
                break;
            };
            node = &self.nodes[node.children[child].1 as usize];
            if let Some(id) = node.id {
                longest = Some((end, id));
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_counts_and_there_the_longest() {
        let added = AddedTokens::new([("\n", 1), ("\n\n", 2), ("<b>", 3), ("<br>", 4), ("", 5)]);
        let mut found = Vec::new();
        let (text, mut at) = (b"a\n\n\n<<br>b>", 0);
        while let Some((start, end, id)) = added.find(text, at) {
            found.push((start, end, id));
            at = end;
        }
        assert_eq!(found, [(1, 3, 2), (3, 4, 1), (5, 9, 4)]);
        assert_eq!(AddedTokens::new([]).find(b"x", 0), None);
    }
}
