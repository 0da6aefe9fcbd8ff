//! Markdown tables, and the marks in a page between which they are written.

/// Returns a Markdown table. The first row is the heading.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    text
}

/// Returns the text between a page's marks of this name, and the page with it replaced.
pub fn between_marks(page: &str, name: &str, new: &str) -> Option<(String, String)> {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let from = page.find(&begin)? + begin.len();
    let to = from + page[from..].find(&end)?;
    let replaced = format!("{}{new}{}", &page[..from], &page[to..]);
    Some((page[from..to].to_owned(), replaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_between_the_marks_is_replaced() {
        let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb";
        let (old, new) = between_marks(page, "x", "new\n").unwrap();
        assert_eq!(old, "old\n");
        assert_eq!(new, "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb");
        assert!(between_marks(page, "y", "").is_none());
    }
}
