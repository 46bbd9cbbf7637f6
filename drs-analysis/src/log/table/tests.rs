use drs_core::certificate::Binds;

use super::*;

const LOG: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\n\
                   0\t3\t3\t1.52\t1\t0:00:03.8\n\
                   20\t8\t-1\t0.0\t0\t15.4\n\
                   40\t5\t5\t0.25\t1\t0:00:03.9\n";
const OURS: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\texpert\tsigma\troute_radius\tclass_radius\tdraws\n\
                    0\t8\t8\t0.341777\t1\t2.386\ts100\t1\t1.203514\t0.341777\t1997\n\
                    1\t8\t-1\t0\t0\t2.386\t-\t-\tinf\t0.3\t200\n";

fn table(text: &str) -> Table {
    read(text).unwrap_or_else(|problem| panic!("{problem}\n{text}"))
}

fn problem(text: &str) -> String {
    read(text).map_or_else(|problem| problem, |table| panic!("read: {table:?}\n{text}"))
}

/// The rows alone, however they were written.
fn rows(text: &str) -> Vec<Row> {
    table(text).rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn published_logs_have_two_time_formats_and_abstentions() {
    let Table { rows, is_ours, notes, .. } = table(LOG);
    let first = Row {
        index: 0,
        label: Some(3),
        predict: Some(3),
        radius: 1.52,
        seconds: Some(3.8),
        draws: None,
        routing: None,
    };
    assert_eq!(rows[0], (2, first));
    let (line, row) = &rows[1];
    assert_eq!((*line, row.index, row.predict, row.seconds), (3, 20, None, Some(15.4)));
    assert!(!is_ours && notes.is_empty(), "{notes:?}");
}

#[test]
fn an_unknown_label_makes_nothing_right() {
    let unknown = LOG.replace("0\t3\t3\t1.52\t1", "0\t-1\t3\t1.52\t0");
    let row = &rows(&unknown)[0];
    assert_eq!((row.label, row.predict, row.correct()), (None, Some(3), false));
    assert!(problem(&LOG.replace("20\t8\t-1\t0.0\t0", "20\t-1\t-1\t0.0\t1")).contains("line 3"));
}

#[test]
fn our_columns_are_read_too() {
    let table = table(OURS);
    let routing = table.rows[0].1.routing.clone().unwrap();
    assert_eq!((routing.expert.as_deref(), routing.binds), (Some("s100"), Some(Binds::Class)));
    assert_eq!((table.rows[0].1.draws, table.is_ours), (Some(1997), true));
    let routing = table.rows[1].1.routing.clone().unwrap();
    assert_eq!((routing.expert, routing.binds), (None, None));
}

#[test]
fn problems_are_named_by_line_and_column() {
    assert!(problem("idx\tlabel\n1\t2\n").contains("no column `predict`"));
    let bad = LOG.replace("1.52", "wide");
    assert!(problem(&bad).contains("line 2: `radius` is \"wide\""), "{}", problem(&bad));
    assert!(problem(&LOG.replace("20\t", "2.5\t")).contains("line 3: `idx`"));
    assert!(problem(&LOG.replace("\t15.4", "")).contains("line 3: 5 columns, expected 6"));
    assert!(problem(&LOG.replace("15.4", "15.4\t2")).contains("line 3: 7 columns"));
    assert!(problem(&LOG.replace("15.4", "later")).contains("line 3: `time`"));
    assert!(problem(&LOG.replace("0\t3\t3", "0\t3\t4")).contains("line 2: `correct` is 1"));
    assert!(problem(&LOG.replace("0\t3\t3", "0\t-3\t3")).contains("line 2: `label` is \"-3\""));
    assert!(problem(&LOG.replace("time", "radius")).contains("two columns are named `radius`"));
}

#[test]
fn separators_names_and_line_ends_are_the_writer_s_choice() {
    for other in [
        LOG.replace('\t', ","),
        LOG.replace('\t', ";"),
        LOG.replace('\t', "   "),
        LOG.replace('\n', "\r\n"),
        format!("# σ = 0.25\n\n# {LOG}"),
        LOG.replace("idx", "Index").replace("predict", "Prediction"),
        // As pandas writes a frame, its own index first.
        ["", "0", "1", "2"]
            .iter()
            .zip(LOG.lines())
            .map(|(index, line)| format!("{index},{}\n", line.replace('\t', ",")))
            .collect(),
    ] {
        assert_eq!(rows(&other), rows(LOG), "{other}");
    }
    let day = LOG.replace('\t', ",").replace("15.4", "\"1 day, 0:00:01\"");
    assert_eq!(rows(&day)[1].seconds, Some(86_401.0));
}

#[test]
fn values_are_read_as_they_were_printed() {
    let printed = LOG
        .replace("40\t5\t5\t0.25\t1", "40.0\ttensor([5])\ttensor(5)\tnp.float64(0.25)\tTrue")
        .replace("20\t8\t-1\t0.0\t0", "tensor(20)\t8.0\t-1.0\t0.0\tFalse");
    assert_eq!(rows(&printed), rows(LOG));
    // Nothing is certified where it abstained, whatever is printed there.
    for nothing in ["inf", "nan", "-inf", "-0.3", "None", ""] {
        assert_eq!(rows(&LOG.replace("\t0.0\t", &format!("\t{nothing}\t"))), rows(LOG));
    }
    for radius in ["inf", "nan", ""] {
        let found = problem(&LOG.replace("1.52", radius));
        assert!(found.contains("line 2: `radius`") && found.contains("a finite number"), "{found}");
    }
}

#[test]
fn a_negative_radius_stays_one() {
    let table = table(&LOG.replace("1.52", "-0.7"));
    let row = &table.rows[0].1;
    assert!(row.correct() && !row.certified(0.0));
    assert!(table.notes[0].contains("1 right answers have a negative radius"), "{:?}", table.notes);
}

#[test]
fn a_second_header_begins_another_part() {
    let second = "radius\tcorrect\tidx\tlabel\tpredict\n0.5\t1\t60\t2\t2\n";
    let table = table(&format!("{LOG}{second}"));
    assert_eq!((table.rows.len(), table.headers), (4, vec![5]));
    let (line, row) = &table.rows[3];
    assert_eq!((*line, row.index, row.radius, row.predict), (6, 60, 0.5, Some(2)));
    assert!(table.notes[0].contains("line 5 is a second header"), "{:?}", table.notes);
}

#[test]
fn without_a_header_six_columns_have_the_usual_order() {
    let (header, body) = LOG.split_once('\n').unwrap();
    let table = table(body);
    assert_eq!(table.rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>(), rows(LOG));
    assert!(table.notes[0].contains("no header") && table.notes[0].contains("idx, label"));
    // Where it is another order, or another number of columns, nothing is guessed.
    let swapped = body.replace("0\t3\t3\t1.52\t1", "0\t3\t4\t1.52\t1");
    assert!(problem(&swapped).contains("line 1: `correct` is 1"));
    let counts = body.replace("0.25\t1", "0.25\t2");
    assert!(problem(&counts).contains("expected 0 or 1"), "{}", problem(&counts));
    for unknown in ["0\t3\t3\t1.52\t1\n", "0\t3\t0.5\t3\t1\t0.1\n", "hello\n"] {
        let found = problem(unknown);
        assert!(found.contains("line 1: no header") && found.contains(&header.replace('\t', " ")));
    }
    let late = problem(&format!("Files already downloaded\n{LOG}"));
    assert!(late.contains("the header is in line 2"), "{late}");
}

#[test]
fn what_follows_the_rows_is_left_out_with_a_note() {
    // A row whose index alone is no number is no summary: leaving it out would change figures.
    let named = format!("{LOG}\nimg7.png\t1\t1\t0.6\t1\t1\n");
    assert!(problem(&named).contains("img7.png"), "{}", problem(&named));
    for summary in ["0.675 0.3", "mean\t0.5", "ACR: 0.41", "-\t-\t-\t0.59\t0.7\t12"] {
        let table = table(&format!("{LOG}\n{summary}\n"));
        assert_eq!(table.rows.len(), 3, "{summary}");
        assert!(table.notes[0].contains("line 6 is not a row"), "{:?}", table.notes);
    }
    let both = table(&format!("{LOG}certified: 0.5\ntime: 3 s\n"));
    assert!(both.notes[0].contains("line 5 to 6 are not a row"), "{:?}", both.notes);
    // A row that was cut short is none of these: an input would be lost.
    for torn in ["6", "60", "60\t3", "60\t3\t3\t0.1"] {
        assert!(problem(&format!("{LOG}{torn}")).contains("line 5: "), "{torn}");
    }
    let within = problem(&LOG.replace("20\t8", "mean 0.5\n20\t8"));
    assert!(within.contains("line 3: \"mean 0.5\" is not a row, and rows follow in line 4"));
}

#[test]
fn a_running_count_is_not_taken_for_right_and_wrong() {
    let more = format!("{LOG}60\t1\t2\t0.1\t0\t1.0\n80\t1\t1\t0.2\t1\t1.0\n");
    let counts = |counts: [&str; 5]| {
        let mut count = counts.iter();
        let line = |line: &str| {
            let mut fields: Vec<&str> = line.split('\t').collect();
            if fields[0] != "idx" {
                fields[4] = count.next().unwrap();
            }
            fields.join("\t") + "\n"
        };
        more.lines().map(line).collect::<String>()
    };
    assert_eq!(rows(&counts(["1", "0", "1", "0", "1"])), rows(&more));
    for running in [["1", "1", "2", "2", "3"], ["1", "0.5", "0.667", "0.5", "0.6"]] {
        let table = table(&counts(running));
        let found: Vec<Row> = table.rows.into_iter().map(|(_, row)| row).collect();
        assert_eq!(found, rows(&more));
        assert!(table.notes[0].contains("not 0 or 1"), "{:?}", table.notes);
    }
    // A count that never comes to two is known by its run.
    let two = LOG.replace("40\t5\t5", "40\t5\t6");
    let few = table(&two.replace("20\t8\t-1\t0.0\t0", "20\t8\t-1\t0.0\t1"));
    assert!(few.notes[0].contains("counts the right answers"), "{:?}", few.notes);
    // Right or wrong is not guessed where the columns disagree.
    let found = problem(&counts(["1", "1", "1", "0", "1"]));
    assert!(found.contains("line 3") && found.contains("remove the column"), "{found}");
    let without = more.lines().map(|line| {
        let mut fields: Vec<&str> = line.split('\t').collect();
        fields.remove(4);
        fields.join("\t") + "\n"
    });
    assert_eq!(rows(&without.collect::<String>()), rows(&more));
}

#[test]
fn how_long_an_input_waited_is_not_what_it_took() {
    // Tables without a latency have the wait for their time.
    assert_eq!(rows(OURS)[0].seconds, None);
    let latency = OURS.replace("draws\n", "draws\tlatency\n");
    let latency = latency.replace("\t1997\n", "\t1997\t9.5\n").replace("\t200\n", "\t200\t9.5\n");
    assert_eq!(rows(&latency)[0].seconds, Some(2.386));
}

#[test]
fn comments_are_no_headers_but_where_they_name_the_columns() {
    for comment in [
        "# label and predict are places, radius is L2",
        "# columns: idx, label, predict, radius, correct, time",
        "# idx label predict radius",
    ] {
        assert_eq!(rows(&format!("{comment}\n{LOG}")), rows(LOG), "{comment}");
        let (header, below) = LOG.split_once('\n').unwrap();
        assert_eq!(rows(&format!("{header}\n{comment}\n{below}")), rows(LOG), "{comment}");
    }
    let named = format!("# made by hand\n# {LOG}");
    assert_eq!(rows(&named), rows(LOG));
}

#[test]
fn separators_at_the_ends_of_lines_are_no_columns() {
    let all = LOG.replace('\n', "\t\n");
    assert_eq!(rows(&all), rows(LOG));
    let (header, below) = LOG.split_once('\n').unwrap();
    assert_eq!(rows(&format!("{header}\t\n{below}")), rows(LOG));
    assert_eq!(rows(&format!("{header}\n{}", below.replace('\n', "\t\n"))), rows(LOG));
    assert!(problem(&LOG.replace("0:00:03.9", "0:00:03.9\t7")).contains("7 columns, expected 6"));
}
