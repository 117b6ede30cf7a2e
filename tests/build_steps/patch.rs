//! Strict patching: a hunk fits exactly, or the first difference is named and nothing is changed.

use std::fs;

use tempfile::TempDir;

use super::assert_says;
use super::build::patch::apply;
use super::build::problem::Problem;

const OLD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n";

/// Two hunks; its header says why, and speaks of `@@` only in the middle of a line.
const PATCH: &str = "\
Why: the test needs a change.

--- a/Python/list.c
+++ b/Python/list.c
@@ -1,3 +1,4 @@
 one
+one and a half
 two
 three
@@ -7,3 +8,2 @@ in some function
 seven
-eight
 nine
";

#[test]
fn hunks_apply_at_exactly_their_lines() {
    let (tree, result) = patched(OLD, PATCH);
    result.unwrap();
    assert_eq!(text(&tree), "one\none and a half\ntwo\nthree\nfour\nfive\nsix\nseven\nnine\n");
}

#[test]
fn a_different_line_is_named_with_file_and_hunk_and_nothing_is_changed() {
    let old = OLD.replace("eight", "ate");
    let (tree, result) = patched(&old, PATCH);
    assert_says(
        &result.unwrap_err(),
        &[
            "test.patch",
            "Python/list.c, hunk 2 of 2",
            "line 8",
            "the patch has \"eight\\n\"",
            "the file has  \"ate\\n\"",
        ],
    );
    assert_eq!(text(&tree), old);
}

#[test]
fn a_shifted_file_is_refused_though_the_lines_are_there() {
    let (_tree, result) = patched(&format!("zero\n{OLD}"), PATCH);
    assert_says(&result.unwrap_err(), &["hunk 1 of 2", "line 1", "zero"]);
}

#[test]
fn different_white_space_is_refused() {
    let (_tree, result) = patched(&OLD.replace("two", "two "), PATCH);
    assert_says(&result.unwrap_err(), &["hunk 1 of 2", "line 2", "\"two \\n\""]);
}

#[test]
fn a_file_that_ends_early_is_refused() {
    let (_tree, result) = patched("one\ntwo\nthree\nfour\n", PATCH);
    assert_says(&result.unwrap_err(), &["hunk 2 of 2", "the file has 4 lines"]);
    let (_tree, result) = patched("one\ntwo\n", PATCH);
    assert_says(&result.unwrap_err(), &["hunk 1 of 2", "line 3", "the end of the file"]);
}

#[test]
fn a_result_line_that_does_not_add_up_is_refused() {
    let (_tree, result) = patched(OLD, &PATCH.replace("+8,2", "+7,2"));
    assert_says(&result.unwrap_err(), &["hunk 2 of 2", "starts at line 7, but it is line 8"]);
}

#[test]
fn a_hunk_longer_or_shorter_than_its_header_is_refused() {
    let (_tree, result) = patched(OLD, &PATCH.replace("-1,3 +1,4", "-1,2 +1,3"));
    assert_says(&result.unwrap_err(), &["more lines than its header says"]);
    let (_tree, result) = patched(OLD, &PATCH.replace("-7,3 +8,2", "-7,4 +8,3"));
    assert_says(&result.unwrap_err(), &["cut short"]);
}

#[test]
fn a_file_that_stands_in_it_twice_is_refused() {
    let (_tree, result) = patched(OLD, &format!("{PATCH}{PATCH}"));
    assert_says(&result.unwrap_err(), &["line 16", "twice"]);
}

#[test]
fn an_absent_file_is_named() {
    let (_tree, result) = patched(OLD, &PATCH.replace("list.c", "gone.c"));
    assert_says(&result.unwrap_err(), &["test.patch", "Python/gone.c"]);
}

#[test]
fn new_files_and_paths_out_of_the_tree_are_refused() {
    for header in ["--- /dev/null\n+++ b/Python/list.c", "--- a/../list.c\n+++ b/../list.c", "--- a/x.c\n+++ b/y.c"] {
        let patch = PATCH.replace("--- a/Python/list.c\n+++ b/Python/list.c", header);
        let (_tree, result) = patched(OLD, &patch);
        assert_says(&result.unwrap_err(), &["of one existing file"]);
    }
}

#[test]
fn a_last_line_without_a_line_break_is_kept_so() {
    let patch = "--- a/Python/list.c\n+++ b/Python/list.c\n@@ -1 +1,2 @@\n-one\n\\ No newline at end of file\n+one\n+two\n\\ No newline at end of file\n";
    let (tree, result) = patched("one", patch);
    result.unwrap();
    assert_eq!(text(&tree), "one\ntwo");
    let (_tree, result) = patched("one\n", patch);
    assert_says(&result.unwrap_err(), &["the patch has \"one\"", "the file has  \"one\\n\""]);
}

#[test]
fn lines_can_be_put_before_the_first_and_after_the_last() {
    let patch = "--- a/Python/list.c\n+++ b/Python/list.c\n@@ -0,0 +1 @@\n+zero\n@@ -9,0 +11 @@\n+ten\n";
    let (tree, result) = patched(OLD, patch);
    result.unwrap();
    assert_eq!(text(&tree), format!("zero\n{OLD}ten\n"));
}

#[test]
fn a_text_that_is_no_patch_is_refused() {
    let (_tree, result) = patched(OLD, "nothing here\n");
    assert_says(&result.unwrap_err(), &["test.patch", "no --- line"]);
    let (_tree, result) = patched(OLD, "--- a/Python/list.c\n+++ b/Python/list.c\n");
    assert_says(&result.unwrap_err(), &["no hunk for Python/list.c"]);
}

fn patched(old: &str, patch: &str) -> (TempDir, Result<(), Problem>) {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("Python")).unwrap();
    fs::write(tree.path().join("Python/list.c"), old).unwrap();
    let result = apply("test.patch", patch, tree.path());
    (tree, result)
}

fn text(tree: &TempDir) -> String {
    fs::read_to_string(tree.path().join("Python/list.c")).unwrap()
}
