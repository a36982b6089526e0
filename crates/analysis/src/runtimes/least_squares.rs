//! Least squares by Householder reflections.

/// Returns the weights that make the rows times the weights come nearest to the values, with a
/// penalty on the square of each weight. `None` if the columns depend on each other.
pub(super) fn solve(rows: &[Vec<f64>], values: &[f64], penalty: f64) -> Option<Vec<f64>> {
    let size = rows.first()?.len();
    let mut matrix: Vec<Vec<f64>> = rows.to_vec();
    let mut target = values.to_vec();
    if penalty > 0.0 {
        for column in 0..size {
            let mut row = vec![0.0; size];
            row[column] = penalty.sqrt();
            matrix.push(row);
            target.push(0.0);
        }
    }
    for column in 0..size {
        reflect(&mut matrix, &mut target, column)?;
    }
    let mut weights = vec![0.0; size];
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| matrix[i][k] * weights[k]).sum();
        weights[i] = (target[i] - known) / matrix[i][i];
    }
    weights.iter().all(|weight| weight.is_finite()).then_some(weights)
}

/// Makes a column zero below its diagonal.
fn reflect(matrix: &mut [Vec<f64>], target: &mut [f64], column: usize) -> Option<()> {
    let whole = matrix.iter().map(|row| row[column].powi(2)).sum::<f64>().sqrt();
    let length = matrix.get(column..)?.iter().map(|row| row[column].powi(2)).sum::<f64>().sqrt();
    if length <= 1e-10 * whole || length == 0.0 {
        return None;
    }
    let mut direction: Vec<f64> = matrix[column..].iter().map(|row| row[column]).collect();
    direction[0] += if direction[0] < 0.0 { -length } else { length };
    let square: f64 = direction.iter().map(|part| part * part).sum();
    for at in column..matrix[column].len() {
        let along: f64 = direction.iter().zip(&matrix[column..]).map(|(part, row)| part * row[at]).sum();
        let factor = 2.0 * along / square;
        direction.iter().zip(&mut matrix[column..]).for_each(|(part, row)| row[at] -= factor * part);
    }
    let along: f64 = direction.iter().zip(&target[column..]).map(|(part, value)| part * value).sum();
    let factor = 2.0 * along / square;
    direction.iter().zip(&mut target[column..]).for_each(|(part, value)| *value -= factor * part);
    Some(())
}
