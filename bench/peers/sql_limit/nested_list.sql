SELECT json_build_object('data', json_build_object('workers', json_build_object('nodes', (
  SELECT coalesce(json_agg(json_build_object(
    'id', w.id,
    'displayName', coalesce(coalesce(w.first_name_en, w.first_name_hi)
      || coalesce(' ' || coalesce(w.initial_en, w.initial_hi) || '.', ''), 'Former worker'),
    'yearsExperience', w.years_experience,
    'languages', w.languages,
    'skills', (
      SELECT coalesce(json_agg(json_build_object(
        'category', json_build_object('slug', c.slug, 'name', c.name_en),
        'verified', s.verified
      ) ORDER BY s.position), '[]')
      FROM worker_skill s JOIN service_category c ON c.id = s.category_id
      WHERE s.worker_id = w.id
    ),
    'rating', (
      SELECT json_build_object('mean', round(r.sum::numeric / nullif(r.count, 0), 1)::float8,
        'count', r.count)
      FROM rating_summary r WHERE r.subject_id = w.id
    ),
    'reviews', json_build_object('nodes', (
      SELECT coalesce(json_agg(json_build_object(
        'stars', r.stars,
        'text', r.text,
        'reviewerName', coalesce(r.reviewer_name_en, r.reviewer_name_hi),
        'month', to_char(r.published_month, 'YYYY-MM'),
        'booking', json_build_object(
          'state', b.state,
          'completedMonth', to_char(b.completed_month, 'YYYY-MM')
        )
      ) ORDER BY r.position DESC), '[]')
      FROM (
        SELECT * FROM review
        WHERE worker_id = w.id AND state IN ('PUBLISHED', 'RESTORED')
        ORDER BY position DESC
        LIMIT 5
      ) AS r JOIN booking b ON b.id = r.booking_id
    ))
  ) ORDER BY w.code), '[]')
  FROM (
    SELECT * FROM worker
    WHERE status = 'ACTIVE'
      AND district_id = (SELECT id FROM district WHERE lgd_code = $1)
      AND years_experience >= $2
    ORDER BY code
    LIMIT 20
  ) AS w
))))::text
