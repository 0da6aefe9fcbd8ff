//! Tables of text, and where they stand in a page.

/// A table in Markdown.
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

/// What stands in a page between the marks of this name, and the page with that replaced.
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
    fn what_stands_between_marks_is_replaced() {
        let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb";
        let (old, new) = between_marks(page, "x", "new\n").unwrap();
        assert_eq!(old, "old\n");
        assert_eq!(new, "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb");
        assert!(between_marks(page, "y", "").is_none());
    }
}
