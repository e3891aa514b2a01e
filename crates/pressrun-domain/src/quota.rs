//! How a bound that holds over all nodes is divided among those that want some of it.

/// Divides `most` among nodes that want so many each: nobody has more of it than another one while that one wants more, and what nobody wants is divided among those
/// that want anything, so that they need not ask for the next one. When there are too few for all to have one, those from `first` on have theirs; another `first` later
/// gives others their turn.
///
/// The sum is never more than `most`.
#[must_use]
pub fn divide(most: u32, wants: &[u32], first: usize) -> Vec<u32> {
    let mut shares = vec![0_u32; wants.len()];
    let mut left = most;
    loop {
        let wanting: Vec<usize> = (0..wants.len()).filter(|node| shares[*node] < wants[*node]).collect();
        let Some(each) = left.checked_div(count(wanting.len())) else { break };
        if each == 0 {
            let turn = wanting.iter().cycle().skip(first % wanting.len()).take(left as usize);
            for node in turn {
                shares[*node] += 1;
            }
            return shares;
        }
        for node in wanting {
            let more = each.min(wants[node] - shares[node]);
            shares[node] += more;
            left -= more;
        }
    }
    let wanting: Vec<usize> = (0..wants.len()).filter(|node| wants[*node] > 0).collect();
    let spare = left.checked_div(count(wanting.len())).unwrap_or(0);
    for node in wanting {
        shares[node] += spare;
    }
    shares
}

fn count(nodes: usize) -> u32 {
    u32::try_from(nodes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p7_nodes_that_want_too_much_have_equal_shares_and_others_what_they_want() {
        for (case, most, wants, expected) in [
            ("alone", 8, &[1][..], &[8][..]),
            ("nobody wants any", 8, &[0, 0], &[0, 0]),
            ("equal", 8, &[8, 8], &[4, 4]),
            ("one wants little", 8, &[8, 1], &[7, 1]),
            ("one wants nothing", 8, &[3, 0], &[8, 0]),
            ("both want little", 8, &[1, 1], &[4, 4]),
            ("what does not divide goes to the first", 8, &[8, 8, 8], &[3, 3, 2]),
            ("none at all", 0, &[8, 8], &[0, 0]),
        ] {
            assert_eq!(divide(most, wants, 0), expected, "{case}");
        }
    }

    #[test]
    fn p7_nodes_take_turns_when_there_are_too_few_for_all() {
        let turns: Vec<Vec<u32>> = (0..3).map(|first| divide(1, &[5, 5, 5], first)).collect();
        assert_eq!(turns, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        assert_eq!(divide(2, &[1, 1, 1], 2), [1, 0, 1]);
    }

    proptest! {
        #[test]
        fn p7_never_more_than_there_are_and_all_of_them_while_they_are_wanted(most in 0_u32..50, wants in prop::collection::vec(0_u32..60, 0..9), first in 0_usize..20) {
            let shares = divide(most, &wants, first);
            let (sum, wanted): (u32, u32) = (shares.iter().sum(), wants.iter().sum());
            prop_assert!(sum <= most);
            prop_assert!(sum >= most.min(wanted));
            for (share, want) in shares.iter().zip(&wants) {
                prop_assert!(*want > 0 || *share == 0);
            }
        }
    }
}
